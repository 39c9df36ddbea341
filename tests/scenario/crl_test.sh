#!/bin/bash
# crl: CRLs that servers need are there, of all CAs or of none, and servers are told.
. "$(dirname "$0")/../lib.sh"

# The CRLs of two embedded CAs, one and two, as two entries or as a bundle; a hook that
# keeps what it is told, and that fails as long as there is a file `broken`.
settings() { # [ENTRIES]
	config <<-C
	issuers = ( { name = "one"; type = "local"; }, { name = "two"; type = "local"; } );
	certificates = ();
	hooks = ( { name = "ops"; run = [ "$dir/ops", "run" ]; on = [ "crl-updated", "crl-stale" ]; } );
	crls = ( ${1-{ $(entry one) \}} );
	C
}

entry() { # CA [MORE]
	echo "name = \"$1\"; url = \"file://$dir/state/ca/$1/crl.der\"; ca = \"$dir/$1.pem\";
		hooks = \"ops\"; files = ( { path = \"$dir/srv/$1.crl\"; } ${2-} );"
}

two_cas() { # [ENTRIES]
	hook ops <<-'H'
	[ ! -e "$dir/broken" ] || exit 7
	echo "$EVERLEAF_EVENT $EVERLEAF_COUNT $EVERLEAF_NAMES ${EVERLEAF_ERROR-}" >>"$dir/told"
	cat >"$dir/document"
	H
	mkdir srv
	: >one.pem
	: >two.pem
	: >both.pem
	settings "$@"
	expect 0 everleaf ca one init
	expect 0 everleaf ca two init
	cp state/ca/one/root.pem one.pem
	cp state/ca/two/root.pem two.pem
	cat one.pem two.pem >both.pem
}

told() { # [WORDS]
	cat told 2>/dev/null | grep -c -- "${1-}" || :
}

crl_says() { # PATH: of the first in `crl --json`
	(everleaf crl --json || :) | json "crls.0.$1"
}

remember() { # STATEMENT
	python3 - "$dir/state/agent/state.db" "$1" <<-'P'
	import sqlite3, sys
	db = sqlite3.connect(sys.argv[1], timeout=60)
	db.execute(sys.argv[2])
	db.commit()
	P
}

test_each_file_is_written_as_it_is_asked_for() {
	two_cas "{ $(entry one ", { path = \"$dir/srv/one.der\"; content = \"der\"; mode = \"0640\"; },
		{ path = \"$dir/srv/both.pem\"; content = \"combined\"; }") }"
	expect 0 everleaf crl --update
	openssl crl -in srv/one.crl -noout -CAfile one.pem -verify
	cmp srv/one.der state/ca/one/crl.der
	cmp srv/one.crl state/crl/one.pem
	cat one.pem srv/one.crl | cmp - srv/both.pem
	is 644 "$(stat -c %a srv/one.crl)"
	is 640 "$(stat -c %a srv/one.der)"
	json crls.0.name <document | has one
	is true "$(crl_says loaded)"
}

test_who_is_not_there_is_said() {
	two_cas
	expect 1 everleaf crl
	says out missing
	expect 4 everleaf crl three
	says err 'no CRL has that name'
	expect 0 everleaf plan
	says out 'fetch the CRL'
}

test_hooks_are_run_once_for_all_that_has_changed_and_not_for_the_same() {
	two_cas "{ $(entry one) }, { $(entry two) }"
	expect 0 everleaf crl --update
	expect 0 everleaf crl --update
	is 1 "$(told)"
	says told 'crl-updated 2 one two'
	expect 0 everleaf ca two revoke 0102
	expect 0 everleaf crl --update
	is 2 "$(told)"
	says told 'crl-updated 1 two'
}

test_a_list_that_revokes_the_same_is_loaded_when_it_has_to_be() {
	local now=$(date +%s)
	two_cas
	expect 0 everleaf crl --update
	is 1 "$(told)"
	cp srv/one.crl before
	expect 0 everleaf ca one crl
	expect 0 everleaf crl --update
	not cmp before srv/one.crl
	is 1 "$(told)"
	is true "$(crl_says loaded)"
	remember "UPDATE crl SET loaded_until = $now + 200000, sum = NULL" # of seven days, when signed
	expect 0 everleaf renew
	is 2 "$(told)"
	is "$(crl_says next_update)" "$(crl_says loaded_until)"
	expect 0 everleaf renew
	is 2 "$(told)"
}

rows_of() { # NAME
	python3 - "$dir/state/agent/state.db" "$1" <<-'P'
	import sqlite3, sys
	db = sqlite3.connect(sys.argv[1], timeout=60)
	print(sum(db.execute("SELECT count(*) FROM %s WHERE name = ?" % t, sys.argv[2:]).fetchone()[0]
		for t in ("crl", "crl_part")))
	P
}

test_what_is_configured_no_more_is_forgotten() {
	two_cas "{ $(entry one) }, { $(entry two) }"
	expect 0 everleaf crl --update
	is 2 "$(rows_of two)"
	settings
	expect 0 everleaf renew
	is 0 "$(rows_of two)"
	is 2 "$(rows_of one)"
}

test_only_who_is_named_is_looked_for() {
	two_cas "{ $(entry one) }, { $(entry two) }"
	expect 0 everleaf crl two --update
	[ ! -e srv/one.crl ]
	[ -e srv/two.crl ]
}

test_a_run_that_does_what_is_due_looks_for_crls() {
	two_cas
	expect 0 everleaf renew
	[ -e srv/one.crl ]
	rm state/ca/one/crl.der
	remember 'UPDATE crl SET look_at = 1, sum = NULL'
	expect 1 everleaf renew
	says err crl.der
	openssl crl -in srv/one.crl -noout
	is 1 "$(crl_says failures)"
}

test_hooks_that_fail_are_run_until_they_succeed() {
	two_cas
	touch broken
	expect 1 everleaf crl --update
	is false "$(crl_says loaded)"
	everleaf status | has 'not loaded'
	rm broken
	expect 0 everleaf crl --update
	is true "$(crl_says loaded)"
	is 1 "$(told crl-updated)"
	is 1 "$(events one hook-failed)"
}

test_what_somebody_has_changed_is_written_again() {
	two_cas
	expect 0 everleaf crl --update
	echo other >srv/one.crl
	expect 0 everleaf crl --update
	cmp srv/one.crl state/crl/one.pem
	rm srv/one.crl
	expect 0 everleaf crl --update
	cmp srv/one.crl state/crl/one.pem
	rm state/crl/one*
	expect 1 everleaf crl --update
	expect 0 everleaf crl --update
	cmp srv/one.crl state/crl/one.pem
}

test_a_list_that_becomes_old_is_told_once_a_day() {
	local now=$(date +%s)
	two_cas
	expect 0 everleaf crl --update
	remember "UPDATE crl_part SET this_update = $now - 60000, next_update = $now + 40000, sum = NULL"
	expect 0 everleaf renew
	expect 0 everleaf renew
	is 1 "$(told crl-stale)"
	says told 'crl-stale 1 one half of its life is over'
	is true "$(crl_says stale)"
	remember "UPDATE crl_part SET this_update = $now - 80000, next_update = $now + 20000, sum = NULL"
	expect 0 everleaf renew
	is 2 "$(told crl-stale)"
	expect 1 everleaf crl
	says out old
	remember "UPDATE crl_part SET this_update = $now - 800, next_update = $now - 200, sum = NULL"
	expect 0 everleaf renew
	says told 'it has ended'
	openssl crl -in srv/one.crl -noout
}

test_a_bundle_is_whole_or_what_it_was() {
	two_cas "{ name = \"all\"; url = [ \"file://$dir/state/ca/one/crl.pem\", \"file://$dir/two.crl\" ];
		bundle = \"$dir/both.pem\"; files = { path = \"$dir/srv/all.crl\"; }; }"
	expect 1 everleaf crl --update
	says err two.crl
	[ ! -e srv/all.crl ]
	cp state/ca/two/crl.pem two.crl
	expect 0 everleaf crl --update
	cat state/ca/one/crl.pem state/ca/two/crl.pem | cmp - srv/all.crl
	rm two.crl
	expect 0 everleaf ca one crl
	expect 1 everleaf crl --update # of one there is a newer one, of two the last good one
	cat state/ca/one/crl.pem state/ca/two/crl.pem | cmp - srv/all.crl
}

test_a_ca_that_is_several_is_an_error() {
	two_cas
	cp both.pem one.pem
	expect 1 everleaf crl --update
	says err 'expected that of one CA'
	[ ! -e srv/one.crl ]
}

run_tests "$@"
