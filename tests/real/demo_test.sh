#!/bin/bash
# demo: `make demo` and `make demo-mtls` show what they claim, each in under a minute.
. "$(dirname "$0")/../lib.sh"

command -v nginx >/dev/null || PATH=$PATH:/usr/sbin:/sbin

shows_everything() { # DEMO COMMAND...
	local begin=$SECONDS demo=$1
	shift
	command -v nginx >/dev/null || skip "nginx is not installed"
	mkdir tmp
	chmod 1777 tmp
	"$@" env TMPDIR="$dir/tmp" HOME=/nonexistent "$copy/tests/$demo.sh" >out 2>&1 </dev/null || {
		cat out
		fail "the demo failed: $(tail -n 1 out)"
	}
	says out "Everything that was claimed was checked"
	[ $((SECONDS - begin)) -lt 60 ]
	is "" "$(ls -A tmp)"
}

test_the_demo_shows_what_it_claims() {
	copy=$root shows_everything demo
}

test_the_demo_of_mutual_tls_shows_what_it_claims() {
	copy=$root shows_everything demo_mtls
}

as_an_ordinary_user() { # DEMO
	is_root || skip "the other case is run by one"
	mkdir -p copy/tests copy/build/tests
	cp "$root"/tests/{demo,demo_mtls,lib,lib_demo}.sh copy/tests
	cp "$BUILD/everleaf" "$BUILD"/everleaf-* copy/build
	cp -r "$tools" copy/build/tests
	export BUILD=$dir/copy/build
	copy=$dir/copy shows_everything "$1" setpriv --reuid 61006 --regid 61006 --clear-groups
}

test_the_demo_shows_it_to_an_ordinary_user() {
	as_an_ordinary_user demo
}

test_the_demo_of_mutual_tls_shows_it_to_an_ordinary_user() {
	as_an_ordinary_user demo_mtls
}

run_tests "$@"
