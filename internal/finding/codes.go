package finding

// Code names a kind of finding. It never changes its meaning and is never reused.
// docs/findings.md has a section for each code.
type Code string

// Codes about a package file and its metadata.
const (
	BadPackage   Code = "CCB001"
	BadLabel     Code = "CCB002"
	UnknownType  Code = "CCB003"
	IgnoredEntry Code = "CCB004"
	UnusedFile   Code = "CCB005"
)

// Codes about the template.
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

// Codes about values that should differ from peer to peer.
const (
	SameAddress     Code = "CCB020"
	SameCertificate Code = "CCB021"
	KeyInPackage    Code = "CCB022"
	ExpiredLiteral  Code = "CCB023"
	DoubtfulLiteral Code = "CCB024"
)

// Codes about TLS.
const (
	NoTLS           Code = "CCB030"
	DomainNoAuth    Code = "CCB031"
	DomainOldFabric Code = "CCB032"
)

// Codes about the indexes of the state database.
const (
	BadIndex      Code = "CCB040"
	IgnoredInMeta Code = "CCB041"
)

// Codes about a core.yaml.
const (
	NotPropagated         Code = "CCB050"
	OptionalNotPropagated Code = "CCB051"
	NoBuilder             Code = "CCB052"
	BadCoreYAML           Code = "CCB053"
	ListReplaced          Code = "CCB054"
	IgnoredKey            Code = "CCB055"
	AskedFirst            Code = "CCB056"
	PathToBin             Code = "CCB057"
)

// Codes about the peer's machine.
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
	NotRead          Code = "CCB084"
	BuilderGone      Code = "CCB090"
	BadBuild         Code = "CCB091"
	BadTempDir       Code = "CCB092"
	TempDirFull      Code = "CCB093"
	NoBuilds         Code = "CCB094"
	AddressTaken     Code = "CCB095"
	AddressShared    Code = "CCB096"
)

type rule struct {
	code      Code
	severity  Severity
	title     string // the heading of its section in docs/findings.md
	otherwise string // what happens if it is ignored, if that is always the same
}

const (
	atInstall = "the install fails, and the peer's log has the builder's error line"
	dockerMsg = `the install fails with "docker build failed", or "no DockerBuilder, cannot build"`

	badPackageMsg = `the install fails with "could not parse as a chaincode install package" ` +
		`or "could not untar source package"`
	sharedServerMsg = "a peer that dials the server of another chaincode commits no blocks on the channel, " +
		"and its queries hang, until its chaincode.startuptimeout is over (300 s) or that server has stopped"
	builderGoneMsg = `the chaincode does not start: ` +
		`"was already built with builder '…', but that builder is no longer available"`
)

var rules = []rule{
	{BadPackage, Error, "A peer rejects the package file", badPackageMsg},
	{BadLabel, Error, "A peer rejects the label", `the install fails with "invalid label"`},
	{UnknownType, Warning, "No builder accepts the type without CCAAS_TYPES", dockerMsg},
	{IgnoredEntry, Warning, "The peer ignores an entry of the package", ""},
	{UnusedFile, Warning, "Nothing reads a file in the package", ""},
	{NoTemplate, Error, "The package does not have exactly one template", ""},
	{BadDocument, Error, "The template is not a JSON object", ""},
	{BadTemplate, Error, "The template of a value cannot be parsed", ""},
	{BadLanguage, Error, "A template uses something the language lacks", ""},
	{UnknownKey, Error, "The peer does not know a key", ""},
	{DuplicateKey, Error, "A key appears twice", ""},
	{BadLiteral, Error, "The peer could not use a value", ""},
	{UnknownName, Warning, "A name is not a setting", ""},
	{UnusedKey, Warning, "A key is never used", ""},
	{NoGoodValue, Warning, "No value that was tried makes a key valid", ""},
	{SameAddress, Warning, "The address is the same on every peer", ""},
	{SameCertificate, Warning, "The package contains a certificate", ""},
	{KeyInPackage, Error, "The package contains a private key", ""},
	{ExpiredLiteral, Warning, "A certificate in the package is not valid now", ""},
	{DoubtfulLiteral, Warning, "A value in the package is usually a mistake", ""},
	{NoTLS, Warning, "TLS is off", ""},
	{DomainNoAuth, Warning, "The peer ignores domain without client authentication", ""},
	{DomainOldFabric, Warning, "Peers before v3 ignore domain", ""},
	{BadIndex, Error, "The peer cannot use an index", ""},
	{IgnoredInMeta, Warning, "The peer does not read a file in META-INF or metadata", ""},
	{NotPropagated, Error, "A variable that the package needs is not propagated", atInstall},
	{OptionalNotPropagated, Warning, "A variable that the package may read is not propagated", ""},
	{NoBuilder, Error, "core.yaml has no such builder",
		`another builder takes the package, or the install fails with "docker build failed"`},
	{BadCoreYAML, Error, "The external builders of core.yaml cannot be read",
		"the peer does not start, or understands something else"},
	{ListReplaced, Warning, "CORE_CHAINCODE_EXTERNALBUILDERS replaces the list of core.yaml", ""},
	{IgnoredKey, Error, "The peer does not read a key of core.yaml",
		"the peer starts, and knows nothing of what the key holds"},
	{AskedFirst, Warning, "The peer asks another builder first", ""},
	{PathToBin, Warning, "The builder's path leads into its folder", dockerMsg},
	{BadPath, Error, "The builder's path is not a folder that the peer can find", dockerMsg},
	{NoProgram, Error, "A program of the builder is missing", ""},
	{NotExecutable, Error, "A program of the builder cannot be run", ""},
	{WrongPlatform, Error, "A program of the builder is for another platform", ""},
	{OtherProgram, Warning, "A program is not this builder's, or has another version", ""},
	{TakenByOther, Error, "Another builder takes the package",
		"the other builder makes the connection.json, from its own variables"},
	{TakenByNone, Error, "No builder takes the package", dockerMsg},
	{NotSet, Error, "A variable that the package needs is not set", atInstall},
	{WholeEnvironment, Warning, "The builder inherits the peer's whole environment", ""},
	{InstallFails, Error, "The install fails", atInstall},
	{InstallWarns, Warning, "The install gives a warning", ""},
	{NotRead, Warning, "A variable or a folder of values is probably mistyped", ""},
	{BuilderGone, Error, "Builds were made by a builder that core.yaml no longer has", builderGoneMsg},
	{BadBuild, Error, "A build is incomplete",
		"the chaincode does not start, and the peer never rebuilds it by itself"},
	{BadTempDir, Error, "The peer cannot write to its folder for temporary files",
		`the install fails with "could not create build context"`},
	{TempDirFull, Warning, "The folder for temporary files is nearly full",
		`the install fails with "no space left on device"`},
	{NoBuilds, Warning, "The peer's builds cannot be read", ""},
	{AddressTaken, Error, "The package gets the address of another chaincode", sharedServerMsg},
	{AddressShared, Warning, "Two chaincodes have one address", sharedServerMsg},
}

// Titles returns the heading in docs/findings.md of each code.
func Titles() map[Code]string {
	titles := map[Code]string{}
	for _, r := range rules {
		titles[r.code] = r.title
	}
	return titles
}
