package main_test

import (
	"archive/tar"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"ccaas-template-builder/internal/testarchive"
	"ccaas-template-builder/pkg/archive"
)

// Limits for what a hostile package may cost. The programs should stay far below them.
const (
	maxCPU    = 4 * time.Second // processor time, which does not depend on what else runs
	maxMemory = 128 << 20
	maxLine   = 4096
)

type entry = testarchive.Entry

var (
	of    = testarchive.Of
	file  = testarchive.File
	link  = testarchive.Link
	zeros = testarchive.Zeros
	raw   = testarchive.Raw
	pax   = testarchive.Records
)

func pack(t *testing.T, entries ...entry) string {
	t.Helper()
	return string(testarchive.Pack(t, entries...))
}

const (
	goodMetadata = testarchive.Metadata
	goodDocument = `{"address":"cc:9999","tls_required":false}`
)

// withCode returns a package whose code has these entries.
func withCode(t *testing.T, entries ...entry) string {
	return string(testarchive.Package(t, entries...))
}

func document(t *testing.T, text string) string { return withCode(t, file("connection.json", text)) }

// address returns a document whose address is this template.
func address(t *testing.T, template string) string {
	return document(t, `{"tls_required":false,"address":`+strconv.Quote(template)+`}`)
}

// hostile returns hostile packages that are too large for a text file, or are not text, each
// with a part of the expected error.
func hostile(t *testing.T) map[string][2]string {
	repeat := strings.Repeat
	chain := func(step string) string {
		return `{{ $x := "aaaaaaaa" }}` + repeat(`{{ $x = `+step+` }}`, 200) + "{{ $x }}"
	}
	var many []entry
	for i := range 1000 {
		many = append(many, file("META-INF/statedb/couchdb/indexes/"+strconv.Itoa(i)+".json", "{"))
	}
	var large []entry
	for i := range 150 {
		large = append(large, file("META-INF/statedb/couchdb/indexes/"+strconv.Itoa(i)+".json", `{"index":{"fields":["a"`+repeat(`,"a"`, 15_000)+`]}}`))
	}
	encoded := []entry{file("connection.json", `{"address":"`+repeat("V", 60_000)+`"}`)}
	for i := range 20 { // base64 that decodes to base64 again, wherever decoding begins
		encoded = append(encoded, file("keys/"+strconv.Itoa(i), `\`+repeat("V", 60_000)))
	}
	var tooMany []entry
	for i := range 20_001 {
		tooMany = append(tooMany, file(strconv.Itoa(i), ""))
	}
	conditions := "" // each reads a variable only if the one after it is set
	for i := range 1300 {
		conditions = fmt.Sprintf(`{{if env "A%d"}}{{.Env.A%d}}{{end}}`, i+1, i+2) + conditions
	}
	slow := `{{ $x := "` + repeat("a B", 9000) + `" }}` + repeat(`{{ $y := kebabcase $x }}`, 30)
	badCode := file("code.tar.gz", pack(t, file("connection.json", `{"address":"x","tls_required":false}`)))
	good := file("connection.json", goodDocument)
	implied, longPaths := []entry{good}, []entry{good}
	outer := []entry{file("metadata.json", goodMetadata), file("code.tar.gz", pack(t, good))}
	longNames := slices.Clone(outer)
	for i := range 5000 {
		longNames = append(longNames, file(strconv.Itoa(i)+"/"+repeat("n", 3000), ""))
	}
	for i := range 19_900 {
		implied = append(implied, file(strconv.Itoa(i)+"/"+repeat("d/", 30)+"f", ""))
		longPaths = append(longPaths, file("META-INF/"+repeat(repeat("d", 240)+"/", 12)+strconv.Itoa(i), ""))
	}
	records := slices.Repeat([]entry{pax(slices.Repeat([]string{"a="}, 200_000)...)}, 100)
	empty := slices.Repeat([]entry{pax()}, 100_000)
	cases := map[string][2]string{
		// the language
		"a million ifs":           {address(t, repeat("{{if 1}}", 1_000_000)), "is larger than 65536 bytes"},
		"8000 ifs":                {address(t, repeat("{{if 1}}", 8000)), "nest deeper than 32"},
		"100000 parentheses":      {address(t, "{{ "+repeat("(", 100_000)), "is larger than 65536 bytes"},
		"30000 parentheses":       {address(t, "{{ "+repeat("(", 30_000)+"1"+repeat(")", 30_000)+" }}"), "nest deeper than 32"},
		"a long name":             {address(t, "{{ .Env."+repeat("A", 30_000)+" }}"), "name of a variable is longer than 255 bytes"},
		"a long name of a file":   {address(t, `{{ envFile "`+repeat("A", 30_000)+`_FILE" }}`), "name of a variable is longer than 255 bytes"},
		"8000 actions":            {address(t, repeat("{{ 1 }}", 8000)), "address: "},
		"8000 errors":             {address(t, repeat("{{ x }}", 8000)), "more errors"},
		"8000 unclosed errors":    {address(t, repeat("{{ ) }}", 8000)), "address: "},
		"replace multiplies":      {address(t, chain(`replace "a" $x $x`)), "replace: its result may be larger"},
		"cat multiplies":          {address(t, chain(`cat $x $x`)), "cat: its result is larger"},
		"join multiplies":         {address(t, chain(`splitList "" $x | join $x`)), "join: its result may be larger"},
		"printf multiplies":       {address(t, chain(`printf "%s%s%s%s" $x $x $x $x`)), "printf: its result may be larger"},
		"printf quotes multiply":  {address(t, chain(`printf "%q" (printf "%q" $x)`)), "printf: its result may be larger"},
		"b64enc multiplies":       {address(t, chain(`b64enc $x`)), "b64enc: its result is larger"},
		"html multiplies":         {address(t, `{{ $x := "&&&&&&&&" }}`+repeat(`{{ $x = html $x }}`, 2000)), "computes too much"},
		"lists multiply":          {address(t, `{{ $x := list 1 }}`+repeat(`{{ $x = list $x $x }}`, 200)), "its result is larger"},
		"much of little":          {address(t, `{{ $x := "`+repeat("a", 30_000)+`" }}`+repeat(`{{ $y := kebabcase $x }}`, 1000)), "computes too much"},
		"much of a variable":      {address(t, repeat(`{{ $x := env "BIG" }}`, 2000)), "address: must be HOST:PORT"},
		"much of a file":          {address(t, repeat(`{{ $x := envFile "BIG_FILE" }}`, 1800)), "address: must be HOST:PORT"},
		"much of a deep value":    {address(t, repeat(`{{ $x := index .a "a" }}`, 2000)), "its result is larger"},
		"much that is kept":       {address(t, `{{ $b := "`+repeat("b", 230)+`" }}{{ $c := "`+repeat("a", 270)+`" }}`+repeat(`{{ $a := replace "a" $b $c }}`, 1800)), "computes too much"},
		"an element that is none": {address(t, `{{ index . "Env" }}`), "is the whole environment"},
		"4500 unset variables":    {address(t, numbered("{{.Env.A%}}", 4500)), "A10 is not set"},
		"3500 assignments":        {address(t, numbered("{{$a:=.Env.A%}}", 3500)), "A1 is not set"},
		"a chain of conditions":   {address(t, conditions+"{{.Env.A1}}"), "A1 is not set"},
		"keys of no object":       {address(t, numbered("{{.a%.b.c}}", 3500)), "address: "},
		"slow with every value":   {address(t, slow+`{{env "A"}}{{env "B"}}{{env "C"}}`), "address: "},
		"4500 unknown names":      {address(t, numbered("{{.a.a%}}", 4500)), "address: "},
		"many variables, one long": {address(t, `{{ env "`+repeat("A", 255)+`" }}`+numbered(`{{ env "B%" }}`, 1900)),
			"address: must be HOST:PORT"},
		// the document
		"64 KiB":               {document(t, `{"address":"`+repeat("a", 65_000)+`:1","tls_required":false}`), "address: has an invalid host name"},
		"64 MiB":               {withCode(t, zeros("connection.json", 64<<20)), "is larger than 65536 bytes"},
		"100000 deep":          {document(t, `{"address":`+repeat("[", 100_000)), "is larger than 65536 bytes"},
		"60000 deep":           {document(t, `{"address":`+repeat("[", 60_000)), "not an object or a list"},
		"byte order mark":      {document(t, "\ufeff"+goodDocument), "byte order mark"},
		"NUL":                  {document(t, "{\"address\":\"a\x00:1\"}"), "is not allowed in a string"},
		"escaped NUL":          {document(t, `{"address":"a\u0000:1","tls_required":false}`), "address: has an invalid host name"},
		"invalid UTF-8":        {document(t, "{\"address\":\"\xff\xfe:1\"}"), "is not valid UTF-8"},
		"UTF-16":               {document(t, "{\x00\"\x00}\x00"), "expected a key"},
		"5000 unknown keys":    {document(t, `{"x0":1`+numbered(`,"x%":1`, 5000)+`}`), "and 4951 more errors"},
		"a key of 60000 bytes": {document(t, `{"`+repeat("k", 60_000)+`":1}`), "the peer does not know this key"},
		"an empty file":        {document(t, ""), "the end of the file"},
		// the code archive
		"a bomb":                    {withCode(t, good, zeros("bomb", 256<<20)), "is larger than 134217728 bytes when unpacked"},
		"many small bombs":          {withCode(t, good, zeros("a", 60<<20), zeros("b", 60<<20), zeros("c", 60<<20)), "is larger than 134217728 bytes when unpacked"},
		"less than nothing":         {withCode(t, good, raw(tar.TypeDir, "d/", -1<<50, ""), zeros("bomb", 200<<20)), `"d/": has a negative size`},
		"holes":                     {withCode(t, good, pax("GNU.sparse.major=0", "GNU.sparse.minor=1", "GNU.sparse.name=big", "GNU.sparse.size=314572800", "GNU.sparse.numblocks=1", "GNU.sparse.map=0,1"), raw(tar.TypeReg, "big", 1, "x")), `"big": is a sparse file`},
		"holes in GNU's old form":   {withCode(t, good, raw(tar.TypeGNUSparse, "big", 0, "")), "is neither a regular file nor a folder"},
		"20 million records":        {withCode(t, append(records, good)...), "has too many headers"},
		"100000 empty headers":      {withCode(t, append(empty, good)...), "has too many headers"},
		"20001 entries":             {withCode(t, tooMany...), "has more than 20000 entries"},
		"600000 implied folders":    {withCode(t, implied...), "has more than 20000 entries, folders included"},
		"60 MB of paths":            {withCode(t, longPaths...), "has paths that are longer than 8388608 bytes altogether"},
		"1000 bad indexes":          {withCode(t, append(many, good)...), "and 950 more errors"},
		"a large index":             {withCode(t, good, zeros("META-INF/statedb/couchdb/indexes/a.json", 64<<20)), "is larger than 65536 bytes"},
		"many large indexes":        {withCode(t, append(large, good)...), "the indexes of the package exceed 4194304 bytes"},
		"base64 of base64 of":       {withCode(t, encoded...), "address: must be HOST:PORT"},
		"deep folders":              {withCode(t, good, file("META-INF/"+repeat("d/", 500)+"x", "")), "folders nest deeper than 32"},
		"an index 60000 deep":       {withCode(t, good, file("META-INF/statedb/couchdb/indexes/a.json", `{"index":`+repeat("[", 60_000))), "is not valid JSON"},
		"absolute":                  {withCode(t, good, file("/tmp/hostile", "")), "is absolute or points outside the archive"},
		"escaping":                  {withCode(t, good, file("../hostile", "")), "is absolute or points outside the archive"},
		"escaping inside":           {withCode(t, good, file("META-INF/../../hostile", "")), "is absolute or points outside the archive"},
		"symbolic link":             {withCode(t, link(tar.TypeSymlink, "connection.json", "/etc/passwd")), "is neither a regular file nor a folder"},
		"link as folder":            {withCode(t, good, link(tar.TypeSymlink, "META-INF", "/etc"), file("META-INF/x", "")), "is neither a regular file nor a folder"},
		"hard link":                 {withCode(t, good, link(tar.TypeLink, "META-INF/x", "/etc/passwd")), "is neither a regular file nor a folder"},
		"device":                    {withCode(t, good, of(tar.Header{Name: "null", Typeflag: tar.TypeChar, Devmajor: 1, Devminor: 3}, "")), "is neither a regular file nor a folder"},
		"pipe":                      {withCode(t, link(tar.TypeFifo, "connection.json", "")), "is neither a regular file nor a folder"},
		"global PAX header":         {withCode(t, of(tar.Header{Typeflag: tar.TypeXGlobalHeader, PAXRecords: map[string]string{"comment": "x"}}, ""), good), "is neither a regular file nor a folder"},
		"mode 0000":                 {withCode(t, of(tar.Header{Name: "connection.json", Typeflag: tar.TypeReg, Mode: 0, Size: 2}, "{}")), "has mode 0000"},
		"duplicate name":            {withCode(t, good, file("./connection.json", "{}")), "appears twice"},
		"newline in a name":         {withCode(t, good, file("META-INF/statedb/a\nbuild: error: forged", "")), `"META-INF/statedb/a\nbuild: error: forged"`},
		"escape in a name":          {withCode(t, good, file("META-INF/statedb/\x1b[31mred", "")), `"META-INF/statedb/\x1b[31mred"`},
		"invalid UTF-8 in a name":   {withCode(t, good, file("META-INF/statedb/\xff", "")), `"META-INF/statedb/\xff"`},
		"invalid UTF-8 in a folder": {withCode(t, good, file("META-INF/x\xff/f", "")), `"META-INF/x\xff": is a folder whose name is not UTF-8: rename it`},
		"a longer name":             {withCode(t, good, file(repeat(repeat("d", 200)+"/", 20)+"x", "")), "is a path longer than 3072 bytes"},
		"the template a folder":     {withCode(t, file("connection.json/x", "")), "is a folder"},
		"META-INF a file":           {withCode(t, good, file("META-INF", "")), "is a file, not a folder"},
		"no code":                   {pack(t, file("metadata.json", goodMetadata), file("code.tar.gz", "x")), "is not a gzip file"},
		"code cut off":              {pack(t, file("metadata.json", goodMetadata), file("code.tar.gz", pack(t, good)[:60])), "is not a valid gzip tar"},
		// the package
		"19998 ignored entries": {pack(t, append(tooMany[:19_998:19_998], file("metadata.json", goodMetadata), badCode)...), "address: must be HOST:PORT"},
		"an outer bomb":         {pack(t, file("metadata.json", goodMetadata), zeros("bomb", 256<<20), file("code.tar.gz", pack(t, good))), "unpacks to"},
		"large metadata":        {pack(t, zeros("metadata.json", 256<<20), file("code.tar.gz", pack(t, good))), "metadata.json is larger than"},
		"metadata 30000 deep":   {pack(t, file("metadata.json", `{"extra":`+repeat("[", 30_000)), file("code.tar.gz", pack(t, good))), "is not valid JSON"},
		"a long outer name":     {pack(t, append(outer[:2:2], file(repeat("n", 1<<19), ""))...), "is a path longer than 3072 bytes"},
		"15 MB of outer names":  {pack(t, longNames...), "has paths that are longer than 8388608 bytes altogether"},
		"outer records":         {pack(t, append(records, outer...)...), "has too many headers"},
		"outer empty headers":   {pack(t, append(empty, outer...)...), "has too many headers"},
		"label that escapes":    {pack(t, file("metadata.json", `{"type":"ccaas","label":"../x"}`), file("code.tar.gz", pack(t, good))), `label "../x"`},
		"label with a newline":  {pack(t, file("metadata.json", `{"type":"ccaas","label":"x\nbuild: error: forged"}`), file("code.tar.gz", pack(t, good))), `label "x\nbuild`},
		"outer link":            {pack(t, link(tar.TypeSymlink, "metadata.json", "/etc/passwd"), file("code.tar.gz", "")), "is not a regular file"},
		"outer duplicate":       {pack(t, file("metadata.json", goodMetadata), file("metadata.json", goodMetadata), file("code.tar.gz", "")), "appears twice"},
		"not a package":         {"hello", "is not a gzip file"},
	}
	for name, want := range texts(t) {
		cases[name] = want
	}
	return cases
}

// numbered repeats text n times, with % replaced by a number.
func numbered(text string, n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.ReplaceAll(text, "%", strconv.Itoa(i+1)))
	}
	return b.String()
}

// texts returns the hostile packages in testdata/hostile. Each file has the files of the code
// and, as its comment, a part of the expected error.
func texts(t *testing.T) map[string][2]string {
	t.Helper()
	names, err := filepath.Glob("testdata/hostile/*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatal("no packages", err)
	}
	cases := map[string][2]string{}
	for _, name := range names {
		text, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var entries []entry
		for _, f := range text.Files {
			entries = append(entries, file(f.Name, string(f.Data)))
		}
		cases[filepath.Base(name)] = [2]string{withCode(t, entries...), strings.TrimSpace(string(text.Comment))}
	}
	return cases
}

func TestHostilePackages(t *testing.T) {
	for name, test := range hostile(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for name, content := range map[string]string{"p.tgz": test[0], "big": strings.Repeat("A", 60_000), "p.env": "CORE_PEER_CC_BUILDER_LOG_LEVEL=debug\nTMPDIR=" + dir + "/scratch\n" + strings.Join(largeValues(dir), "\n")} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Mkdir(filepath.Join(dir, "scratch"), 0o700); err != nil {
				t.Fatal(err)
			}
			printed := refused(t, dir, "ccaas", opening[len(opening)-1]...)
			if !strings.Contains(printed, test[1]) {
				t.Errorf("printed %q, want it to hold %q", printed[:min(len(printed), 1000)], test[1])
			}
			for _, args := range opening[:4] {
				bounded(t, dir, "ccaas", args...)
			}
			if left, _ := os.ReadDir(filepath.Join(dir, "scratch")); len(left) > 0 {
				t.Errorf("left in TMPDIR: %v", left)
			}
			buildRefuses(t, dir, test[0])
		})
	}
}

// largeValues returns the largest values that an operator can supply.
func largeValues(dir string) []string {
	const n = 9000
	return []string{"BIG=" + strings.Repeat("A", 60_000), "BIG_FILE=" + dir + "/big",
		"CHAINCODE_AS_A_SERVICE_BUILDER_CONFIG=" + strings.Repeat(`{"a":`, n) + "1" + strings.Repeat("}", n)}
}

// buildRefuses runs the program build on the package, if it can be unpacked, with an output
// folder that is not empty.
func buildRefuses(t *testing.T, dir, data string) {
	t.Helper()
	for _, name := range []string{"src", "metadata", "out"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	pkg, err := archive.Parse([]byte(data))
	if err != nil {
		return
	}
	root, err := os.OpenRoot(filepath.Join(dir, "src"))
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if pkg.Unpack(t.Context(), root) != nil {
		return
	}
	for _, file := range []string{"metadata/metadata.json", "out/was-there"} {
		if err := os.WriteFile(filepath.Join(dir, file), pkg.RawMetadata, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	refused(t, dir, "build", "src", "metadata", "out")
	if entries, _ := os.ReadDir(filepath.Join(dir, "out")); len(entries) != 1 {
		t.Errorf("left in the output folder: %v", entries)
	}
}

// usage is the most that a program, with those that it ran, has used.
type usage struct {
	CPU    time.Duration
	Memory int64 // in bytes
}

// measureVariable makes the test binary run its arguments as a program, and write what that
// used to the file in the variable. The peak memory of a process includes what it had before
// exec, as a copy of its parent. So the parent must be this small process and not the test,
// which is large.
const measureVariable = "CCAAS_TEST_MEASURE"

func measure(file string) int {
	cmd := exec.Command(os.Args[1], os.Args[2:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.Env = slices.DeleteFunc(os.Environ(), func(pair string) bool { return strings.HasPrefix(pair, measureVariable+"=") })
	_ = cmd.Run() // the exit status says whether it failed
	state := cmd.ProcessState
	text, err := json.Marshal(usage{state.UserTime() + state.SystemTime(), state.SysUsage().(*syscall.Rusage).Maxrss * 1024})
	if err == nil {
		err = os.WriteFile(file, text, 0o600)
	}
	if err != nil {
		panic(err)
	}
	return state.ExitCode()
}

// refused runs a program that must fail, and returns what it printed.
func refused(t *testing.T, dir, program string, args ...string) string {
	t.Helper()
	printed, status := bounded(t, dir, program, args...)
	if status == 0 {
		t.Errorf("%s succeeds", program)
	}
	return printed
}

// bounded runs a program, which must stay within the limits and print lines that can be read.
// It returns the output and the exit status.
func bounded(t *testing.T, dir, program string, args ...string) (printed string, status int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	measured := filepath.Join(dir, program+".usage")
	cmd := exec.CommandContext(ctx, self, append([]string{filepath.Join(builder, "bin", program)}, args...)...)
	cmd.Dir, cmd.Env = dir, append([]string{"PATH=/bin", "TMPDIR=" + dir + "/scratch", measureVariable + "=" + measured}, largeValues(dir)...)
	out, err := cmd.CombinedOutput()
	if status = cmd.ProcessState.ExitCode(); status < 0 || status > 2 {
		t.Errorf("%s ends with %v", program, err)
	}
	text, err := os.ReadFile(measured)
	if err != nil {
		t.Fatal(err)
	}
	var used usage
	if err := json.Unmarshal(text, &used); err != nil {
		t.Fatal(err)
	}
	if used.CPU > maxCPU {
		t.Errorf("%s took %s of processor time", program, used.CPU)
	}
	if used.Memory > maxMemory {
		t.Errorf("%s took %d MiB", program, used.Memory>>20)
	}
	for line := range strings.Lines(string(out)) {
		if len(line) > maxLine+len("p: ") {
			t.Errorf("%s printed a line of %d bytes", program, len(line))
		}
		if strings.HasPrefix(line, "goroutine ") || strings.HasPrefix(line, "panic: ") || strings.HasPrefix(line, "fatal error: ") || strings.HasPrefix(line, "build: error: forged") || strings.Contains(line, "internal error") {
			t.Errorf("%s printed %q", program, line)
		}
		if i := strings.IndexFunc(strings.TrimSuffix(line, "\n"), func(r rune) bool { return r < ' ' || r == 0x7f }); i >= 0 {
			t.Errorf("%s printed a control character in %q", program, line)
		}
	}
	return string(out), status
}
