#!/usr/bin/env bash
# release.sh OS/ARCH… writes a release of the commit that is checked out to dist. The same
# commit, built with the same version of Go and the same tools, always gives the same bytes.
set -euo pipefail
cd "$(dirname "$0")/../.."

if [ -n "$(git status --porcelain)" ]; then
	echo "release: the working tree differs from the commit; commit or remove what git status shows" >&2
	exit 1
fi

# The user's settings must not make a difference. Man pages have a month as their date, which
# depends on TZ.
export LC_ALL=C TZ=UTC CGO_ENABLED=0 GOFLAGS=-trimpath
export GOAMD64=v1 GOARM64=v8.0 GOPPC64=power8
unset GOOS GOARCH GOEXPERIMENT TAR_OPTIONS
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH

# licenses prints the licences of all modules that are linked into the programs. That of
# golang.org/x/sys also covers Go's standard library.
licenses() {
	GOOS=linux go list -deps -f '{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}} {{.Dir}}{{end}}{{end}}' ./cmd/... |
		grep . | sort -u | while read -r module version dir; do
		printf '\n==== %s %s\n\n' "$module" "$version"
		cat "$dir"/LICEN[CS]E*
		find "$dir" -maxdepth 1 -name 'NOTICE*' -exec cat {} +
	done
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
rm -rf dist
mkdir dist
go run ./cmd/ccaas docs "$work/share"
licenses >"$work/THIRD-PARTY-LICENSES"

for platform; do
	os=${platform%/*} arch=${platform#*/}
	programs=./cmd/...
	if [ "$os" = darwin ]; then programs=./cmd/ccaas; fi # peers do not run on macOS
	GOOS=$os GOARCH=$arch go build -ldflags '-s -w' -o "$work/bin/" "$programs"
	version=$(go version -m "$work/bin/ccaas" | awk '$1 == "mod" { print $3 }')
	name=ccaas-template-builder_${version}_${os}_$arch
	mkdir "$work/$name"
	mv "$work/bin" "$work/$name"
	cp -r "$work/share" "$work/THIRD-PARTY-LICENSES" LICENSE README.md CHANGELOG.md SECURITY.md docs "$work/$name"
	tar -C "$work" --format=ustar --sort=name --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX \
		--mtime="@$SOURCE_DATE_EPOCH" -c "$name" | gzip -9n >"dist/$name.tar.gz"
	rm -r "${work:?}/$name"
done

cd dist
go run ../internal/release/sbom ./*.tar.gz >"$work/sbom"
mv "$work/sbom" "ccaas-template-builder_$version.spdx.json"
sha256sum -- *.tar.gz *.spdx.json >SHA256SUMS
