package finding

// Code names a kind of finding for good: docs/findings.md has a section for
// each. A code is never given to another kind.
type Code string

// Codes of a package file and its metadata.
const (
	BadPackage   Code = "CCB001"
	BadLabel     Code = "CCB002"
	UnknownType  Code = "CCB003"
	IgnoredEntry Code = "CCB004"
	UnusedFile   Code = "CCB005"
)

// Codes of the template.
const (
	NoTemplate   Code = "CCB010"
	BadDocument  Code = "CCB011"
	BadTemplate  Code = "CCB012"
	BadLanguage  Code = "CCB013"
	UnknownKey   Code = "CCB014"
	DuplicateKey Code = "CCB015"
	BadLiteral   Code = "CCB016"
	UnknownName  Code = "CCB017"
	UnusedKey    Code = "CCB018"
	NoGoodValue  Code = "CCB019"
)

// Codes of what should not be the same on every peer.
const (
	SameAddress     Code = "CCB020"
	SameCertificate Code = "CCB021"
	KeyInPackage    Code = "CCB022"
	ExpiredLiteral  Code = "CCB023"
)

// Codes of TLS.
const (
	NoTLS           Code = "CCB030"
	DomainNoAuth    Code = "CCB031"
	DomainOldFabric Code = "CCB032"
)

// Codes of the state database's indexes.
const (
	BadIndex      Code = "CCB040"
	IgnoredInMeta Code = "CCB041"
)

// Codes of a core.yaml.
const (
	NotPropagated         Code = "CCB050"
	OptionalNotPropagated Code = "CCB051"
	NoBuilder             Code = "CCB052"
	BadCoreYAML           Code = "CCB053"
	ListReplaced          Code = "CCB054"
)

// Codes of a peer's machine.
const (
	BadPath          Code = "CCB060"
	NoProgram        Code = "CCB061"
	NotExecutable    Code = "CCB062"
	WrongPlatform    Code = "CCB063"
	OtherProgram     Code = "CCB064"
	TakenByOther     Code = "CCB070"
	TakenByNone      Code = "CCB071"
	NotSet           Code = "CCB080"
	WholeEnvironment Code = "CCB081"
	InstallFails     Code = "CCB082"
	InstallWarns     Code = "CCB083"
	BuilderGone      Code = "CCB090"
	BadBuild         Code = "CCB091"
	BadTempDir       Code = "CCB092"
	TempDirFull      Code = "CCB093"
	NoBuilds         Code = "CCB094"
)

type rule struct {
	code      Code
	severity  Severity
	title     string // the heading of its section in docs/findings.md
	otherwise string // what an administrator meets, where it is always the same
}

const (
	atInstall = "the install fails, and the peer's log has the builder's error line"
	dockerMsg = `the install fails with "docker build failed", or "no DockerBuilder, cannot build"`
)

var rules = []rule{
	{BadPackage, Error, "The package file is none that a peer takes", `the install fails with "could not parse as a chaincode install package" or "could not untar source package"`},
	{BadLabel, Error, "The label is none that a peer takes", `the install fails with "invalid label"`},
	{UnknownType, Warning, "No builder accepts the type without CCAAS_TYPES", dockerMsg},
	{IgnoredEntry, Warning, "The peer ignores an entry of the package", ""},
	{UnusedFile, Warning, "Nobody reads a file of the package", ""},
	{NoTemplate, Error, "There is not exactly one template", ""},
	{BadDocument, Error, "The template is no JSON object", ""},
	{BadTemplate, Error, "The template of a value cannot be parsed", ""},
	{BadLanguage, Error, "A template asks for what the language has not", ""},
	{UnknownKey, Error, "The peer knows no such key", ""},
	{DuplicateKey, Error, "A key stands there twice", ""},
	{BadLiteral, Error, "The peer could not use a value", ""},
	{UnknownName, Warning, "A name is no setting", ""},
	{UnusedKey, Warning, "A key is never used", ""},
	{NoGoodValue, Warning, "No value that was tried makes a key right", ""},
	{SameAddress, Warning, "The address is the same on every peer", ""},
	{SameCertificate, Warning, "A certificate stands in the package", ""},
	{KeyInPackage, Error, "A private key stands in the package", ""},
	{ExpiredLiteral, Warning, "A certificate in the package is not valid now", ""},
	{NoTLS, Warning, "TLS is off", ""},
	{DomainNoAuth, Warning, "The peer ignores domain without client authentication", ""},
	{DomainOldFabric, Warning, "Peers before v3 ignore domain", ""},
	{BadIndex, Error, "An index is none that the peer takes", ""},
	{IgnoredInMeta, Warning, "The peer reads nothing there", ""},
	{NotPropagated, Error, "A variable that the package needs is not propagated", atInstall},
	{OptionalNotPropagated, Warning, "A variable that the package may read is not propagated", ""},
	{NoBuilder, Error, "core.yaml has no such builder", `another builder takes the package, or the install fails with "docker build failed"`},
	{BadCoreYAML, Error, "The external builders of core.yaml cannot be read", "the peer does not start, or takes it for something else"},
	{ListReplaced, Warning, "CORE_CHAINCODE_EXTERNALBUILDERS replaces the list of core.yaml", ""},
	{BadPath, Error, "The builder's path is no folder that the peer finds", dockerMsg},
	{NoProgram, Error, "A program of the builder is missing", ""},
	{NotExecutable, Error, "A program of the builder may not be run", ""},
	{WrongPlatform, Error, "A program of the builder is for another platform", ""},
	{OtherProgram, Warning, "A program is not of this builder, or of another version", ""},
	{TakenByOther, Error, "Another builder takes the package", "the other builder makes the connection.json, from its own variables"},
	{TakenByNone, Error, "No builder takes the package", dockerMsg},
	{NotSet, Error, "A variable that the package needs is not set", atInstall},
	{WholeEnvironment, Warning, "The builder inherits the peer's whole environment", ""},
	{InstallFails, Error, "The install fails", atInstall},
	{InstallWarns, Warning, "The install warns", ""},
	{BuilderGone, Error, "Builds were made by a builder that core.yaml no longer has", `the chaincode does not start: "was already built with builder '…', but that builder is no longer available"`},
	{BadBuild, Error, "A build is not complete", "the chaincode does not start, and the peer never builds it again by itself"},
	{BadTempDir, Error, "The peer cannot write to its folder for temporary files", `the install fails with "could not create build context"`},
	{TempDirFull, Warning, "The folder for temporary files is nearly full", `the install fails with "no space left on device"`},
	{NoBuilds, Warning, "The peer's builds cannot be looked at", ""},
}

// Titles are the headings of docs/findings.md, by code.
func Titles() map[Code]string {
	titles := map[Code]string{}
	for _, r := range rules {
		titles[r.code] = r.title
	}
	return titles
}
