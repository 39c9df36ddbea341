#!/bin/bash
# crl: CRLs that servers need are there, of all CAs or of none, and servers are told.
. "$(dirname "$0")/../lib.sh"
. "$root/tests/lib_pki.sh"

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
	mkdir -p srv
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

# Who waits for a reader of a pipe is not let go, and a terminal, a tape or a watchdog not opened.
test_what_is_no_file_among_those_of_a_server_is_not_even_opened() {
	local writer what
	two_cas "{ $(entry one) servers = \"nginx:$dir/nginx.conf\"; }"
	mkfifo pipe
	(echo >pipe; touch let-go) 2>/dev/null &
	writer=$!
	started $writer
	for what in pipe /dev/tty /dev/zero .; do
		echo "include $what;" >nginx.conf
		expect 0 everleaf check
		says err "nginx.conf: warning: it is not looked at: a file that it includes cannot be read"
	done
	sed -i "s|nginx:$dir/nginx.conf|nginx:$dir/pipe|" everleaf.conf
	expect 0 everleaf check
	says err "$dir/pipe: warning: it is not a regular file"
	kill -0 $writer
	[ ! -e let-go ]
}

# Its root is not there yet.
test_a_list_of_an_embedded_ca_that_is_not_made_yet_waits_for_it() {
	mkdir srv
	config <<-C
	issuers = ( { name = "lab"; type = "local"; } );
	certificates = ( { name = "www"; names = "www.example.org"; issuer = "lab"; } );
	crls = ( { name = "lab"; url = "file://$dir/state/ca/lab/crl.der"; ca = "$dir/state/ca/lab/root.pem";
	           files = ( { path = "$dir/srv/lab.pem"; } ); } );
	C
	expect 0 everleaf check
	expect 0 everleaf renew
	is_live_of www 1 1
	expect 0 everleaf renew
	grep -q "BEGIN X509 CRL" srv/lab.pem
	sed -i 's|/ca/lab/root|/ca/typo/root|' everleaf.conf
	expect 2 everleaf check
	says err "crls.lab.ca: found"
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
	is 3 "$(ls state/crl | grep -c '^two[@.]')"
	touch state/crl/two-more.pem
	settings
	expect 0 everleaf renew
	is 0 "$(rows_of two)"
	is 2 "$(rows_of one)"
	is two-more.pem "$(ls state/crl | grep '^two')"
	is 3 "$(ls state/crl | grep -c '^one[@.]')"
	[ -e srv/two.crl ] # whose servers may still read it
}

test_only_who_is_named_is_looked_for() {
	two_cas "{ $(entry one) }, { $(entry two) }"
	expect 0 everleaf crl two --update
	[ ! -e srv/one.crl ]
	[ -e srv/two.crl ]
	expect 0 everleaf crl two --update --json
	is 1 "$(wc -l <out)"
	is two "$(json crls.0.name <out)"
}

test_a_run_that_does_what_is_due_looks_for_crls() {
	two_cas
	expect 0 everleaf renew
	[ -e srv/one.crl ]
	hide one
	remember 'UPDATE crl SET look_at = 1, sum = NULL'
	expect 1 everleaf renew
	says err crl.der
	openssl crl -in srv/one.crl -noout
	is 1 "$(crl_says failures)"
	expect 1 everleaf renew
	says err "one: its CRL is not looked for again before $(crl_says next_at), after 1 failure in a row, the last of which was: "
}

test_hooks_that_fail_are_run_until_they_succeed() {
	two_cas
	touch broken
	expect 1 everleaf crl --update
	is false "$(crl_says loaded)"
	everleaf status | has 'not loaded'
	is null "$(crl_says loaded_until)"
	expect 1 everleaf renew
	says err "one: its hooks are not run again before "
	is 1 "$(events one hook-failed)"
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

test_what_servers_have_loaded_is_shown() {
	local now=$(date +%s)
	two_cas
	expect 0 everleaf crl --update
	remember "UPDATE crl SET loaded_until = $now + 5 * 86400 + 600, sum = NULL"
	expect 0 everleaf crl
	says out LOADED
	grep '^one .*fresh.* 5d ' out
	touch broken
	expect 1 everleaf crl --update # its hook tries to have the newer one loaded
	everleaf renew || :
	expect 1 everleaf crl
	grep '^one .*old.* 5d ' out
	everleaf history one | has 'crl-stale.*servers have loaded one that ends at'
	rm broken
	expect 0 everleaf crl --update
	expect 0 everleaf crl
	remember "UPDATE crl SET loaded_until = $now - 1, sum = NULL"
	expect 1 everleaf crl
	says out ended
}

test_the_agent_notices_what_somebody_changes() {
	mkdir -p srv/hashed
	two_cas "{ $(entry one ", { path = \"$dir/srv/hashed\"; content = \"hashed\"; }") }"
	expect 0 everleaf crl --update
	is 1 "$(told crl-updated)"
	hide one # nobody is asked
	start_agent
	echo other >srv/one.crl
	until_true 90 cmp -s srv/one.crl state/crl/one.pem
	until_true 60 has_told 2
	is 1 "$(events one drift)"
	rm srv/hashed/*.r0
	: >state/crl/one.pem
	until_true 90 is_hashed
	until_true 90 cmp -s srv/one.crl state/crl/one.pem
	until_true 60 has_told 3
	stop_agent
}

has_told() { # TIMES, or more
	[ "$(told crl-updated)" -ge "$1" ]
}

is_hashed() {
	[ "$(ls srv/hashed)" = "$(openssl crl -in srv/one.crl -noout -hash).r0" ]
}

# What its hook is told of at that moment is the list.
test_a_failure_while_servers_are_told_of_a_list_is_told_after_that() {
	two_cas
	hook ops <<-'H'
	[ "$EVERLEAF_EVENT" = failed ] || until [ -e "$dir/go" ]; do sleep 0.1; done
	echo "$EVERLEAF_EVENT" >>"$dir/told"
	H
	hook no <<-'H'
	until [ -e "$dir/ops.ran" ]; do sleep 0.1; done
	exit 1
	H
	config <<-C
	issuers = ( { name = "one"; type = "local"; }, { name = "no"; type = "exec"; program = [ "$dir/no" ]; } );
	certificates = ( { name = "www"; names = "localhost"; issuer = "no"; hooks = "ops"; } );
	hooks = ( { name = "ops"; run = [ "$dir/ops", "run" ]; on = [ "crl-updated", "failed" ]; } );
	crls = ( { $(entry one) } );
	C
	start_agent
	until_true 60 grep -q 'www: failed' agent.err
	touch go
	until_true 60 grep -qx failed told
	is 1 "$(told crl-updated)"
	stop_agent
}

test_a_list_that_becomes_old_is_told_once_a_day() {
	local now=$(date +%s)
	two_cas
	expect 0 everleaf crl --update
	remember "UPDATE crl_part SET this_update = $now - 60000, next_update = $now + 40000, sum = NULL"
	expect 0 everleaf renew
	expect 0 everleaf renew
	is 1 "$(told crl-stale)"
	expect 1 everleaf status --check
	says out 'CRL one: late'
	says told 'crl-stale 1 one half of its life is over'
	is true "$(crl_says stale)"
	remember "UPDATE crl_part SET this_update = $now - 80000, next_update = $now + 20000, sum = NULL"
	expect 0 everleaf renew
	is 2 "$(told crl-stale)"
	expect 1 everleaf crl
	says out old
	expect 2 everleaf status --check
	says out 'CRL one: old'
	remember "UPDATE crl_part SET this_update = $now - 800, next_update = $now - 200, sum = NULL"
	expect 0 everleaf renew
	says told 'it has ended'
	openssl crl -in srv/one.crl -noout
}

# Its list has ended, as far as is known, and there is none any more.
# Its list is nowhere: crl.der alone is written again from crl.pem.
hide() { # CA
	mkdir -p "kept/$1"
	mv "state/ca/$1"/crl.* "kept/$1"
}

unhide() { # CA
	mv "kept/$1"/crl.* "state/ca/$1"
}

end_one() {
	local now=$(date +%s)
	hide one
	remember "UPDATE crl_part SET this_update = $now - 800, next_update = $now - 200, sum = NULL"
}

test_a_list_that_has_ended_is_taken_away_where_that_is_asked_for() {
	mkdir -p srv/hashed
	two_cas "{ $(entry one ", { path = \"$dir/srv/hashed\"; content = \"hashed\"; }") on_stale = \"remove\"; }"
	expect 0 everleaf crl --update
	echo theirs >srv/hashed/12345678.r0
	is 2 "$(ls srv/hashed | wc -l)"
	end_one
	expect 1 everleaf crl --update
	says err 'crl-removed'
	[ ! -e srv/one.crl ]
	[ ! -e state/crl/one.pem ]
	[ ! -e state/crl/one.der ]
	is 12345678.r0 "$(ls srv/hashed)"
	is 2 "$(told crl-updated)" # so that servers notice
	is false "$(crl_says written)"
	expect 1 everleaf crl
	says out removed
	expect 1 everleaf crl --update
	is 2 "$(told crl-updated)"
	is 1 "$(events one crl-removed)"
	unhide one
	expect 0 everleaf crl --update
	cmp srv/one.crl state/crl/one.pem
	is 2 "$(ls srv/hashed | wc -l)"
	is 3 "$(told crl-updated)"
	is true "$(crl_says loaded)"
}

# One program has to see that there is none, and another one fails open without it.
test_each_file_of_a_list_that_has_ended_has_its_own_policy() {
	two_cas "{ $(entry one ", { path = \"$dir/srv/gone.der\"; content = \"der\"; on_stale = \"remove\"; }") },
		{ $(entry two ", { path = \"$dir/srv/kept.crl\"; on_stale = \"keep\"; }") on_stale = \"remove\"; }"
	expect 0 everleaf crl --update
	cp srv/one.crl before
	end_one
	hide two
	expect 1 everleaf crl --update
	[ ! -e srv/gone.der ]
	cmp before srv/one.crl
	cmp before state/crl/one.pem
	[ ! -e srv/two.crl ]
	[ ! -e state/crl/two.pem ]
	[ -s srv/kept.crl ]
	unhide one
	unhide two
	expect 0 everleaf crl --update
	[ -s srv/gone.der ]
	cmp srv/two.crl srv/kept.crl
}

test_a_list_that_has_ended_stays_where_nothing_is_said() {
	two_cas
	expect 0 everleaf crl --update
	cp srv/one.crl before
	end_one
	expect 1 everleaf crl --update
	cmp before srv/one.crl
	is 1 "$(told crl-updated)"
}

test_a_list_that_can_be_renewed_is_not_taken_away() {
	two_cas "{ $(entry one) on_stale = \"remove\"; }"
	expect 0 everleaf crl --update
	end_one
	unhide one
	expect 0 everleaf crl --update
	cmp srv/one.crl state/crl/one.pem
	is 0 "$(events one crl-removed)"
	hide one
	expect 1 everleaf crl --update # it has not ended
	cmp srv/one.crl state/crl/one.pem
}

# What is published is no list to be written, for REASON; a good one after it is.
refused() { # REASON
	expect 1 everleaf crl --update
	cmp srv/root.crl pki/good.crl
	crl_says last_error | has "$1"
}

test_an_indirect_list_is_written_where_one_is_asked_for() {
	openssl_ca root
	extensions='issuingDistributionPoint = critical,indirectCRL:TRUE' openssl_crl root '+20 days' root.crl
	mkdir srv
	config <<-C
	crls = { name = "root"; ca = "$dir/root.pem"; url = "file://$dir/root.crl";
		files = { path = "$dir/srv/root.crl"; }; };
	C
	expect 1 everleaf crl --update
	says err 'indirect = true takes it'
	sed -i 's/name = "root";/& indirect = true;/' everleaf.conf
	expect 0 everleaf crl --update
	cmp srv/root.crl root.crl
}

test_only_what_is_complete_valid_and_of_the_right_scope_is_written() {
	local list
	serve_pki
	openssl_ca root
	openssl_ca other
	cp root.pem trusted.pem
	openssl_crl root '+20 days' pki/good.crl
	mkdir srv
	list=$dir/pki/root.crl
	cp pki/good.crl "$list"
	config <<-C
	issuers = ();
	certificates = ();
	crls = { name = "root"; ca = "$dir/trusted.pem"; url = "file://$list";
		files = { path = "$dir/srv/root.crl"; }; };
	C
	expect 0 everleaf crl --update
	number=9000
	extensions='2.5.29.27 = critical,DER:020101' openssl_crl root '+20 days' "$list"
	refused 'it is a delta CRL'
	extensions='2.5.29.27 = DER:020101' openssl_crl root '+20 days' "$list"
	refused 'it is a delta CRL'
	extensions='issuingDistributionPoint = critical,indirectCRL:TRUE' openssl_crl root '+20 days' "$list"
	refused 'it is an indirect CRL'
	extensions='issuingDistributionPoint = critical,onlysomereasons:keyCompromise' openssl_crl root '+20 days' "$list"
	refused 'it is for some reasons only'
	extensions='issuingDistributionPoint = critical,onlyCA:TRUE' openssl_crl root '+20 days' "$list"
	refused 'it is for CA certificates only'
	extensions='issuingDistributionPoint = critical,onlyAA:TRUE' openssl_crl root '+20 days' "$list"
	refused 'it is for attribute certificates only'
	extensions='issuingDistributionPoint = critical,fullname:URI:http://other.example/' openssl_crl root '+20 days' "$list"
	refused 'only for certificates that name the distribution point http://other.example/'
	extensions='1.2.3.4 = critical,DER:0500' openssl_crl root '+20 days' "$list"
	refused 'the critical extension 1.2.3.4'
	openssl_crl root '-1 day' "$list"
	refused 'it has ended'
	from='+1 day' openssl_crl root '+20 days' "$list"
	refused 'it is of the future'
	from='-9 days' openssl_crl root '+20 days' "$list"
	refused 'older than ours'
	number=7ffe openssl_crl root '+20 days' "$list"
	refused 'it is older than the one that we have: number 7ffe'
	openssl_crl other '+20 days' "$list"
	refused 'it is issued by another'
	openssl_ca root # another key, by the same name
	openssl_crl root '+20 days' "$list"
	refused "another key than the CA's"
	(cat pki/good.crl && echo more && cat pki/good.crl) >"$list"
	refused root.crl
	(openssl crl -in pki/good.crl -outform DER && printf '\0') >"$list"
	refused root.crl
	echo '<html>' >"$list"
	refused 'it is a web page'
	: >"$list"
	refused 'it is empty'
	head -c 200 pki/good.crl >"$list"
	refused root.crl
	openssl crl -in pki/good.crl -outform DER | head -c 100 >"$list"
	refused 'it is cut off'
	cp pki/good.crl "$list"
	expect 0 everleaf crl --update
	is null "$(crl_says last_error)"
}

# A CA that was set up anew; an older list is still none.
test_a_list_with_a_lower_number_is_better_than_one_that_has_ended() {
	local list=$dir/root.crl now=$(date +%s)
	openssl_ca root
	openssl_crl root '+20 days' "$list"
	mkdir srv
	config <<-C
	issuers = ();
	certificates = ();
	crls = { name = "root"; ca = "$dir/root.pem"; url = "file://$list";
		files = { path = "$dir/srv/root.crl"; }; };
	C
	expect 0 everleaf crl --update
	number=0100 from='-1 hour' openssl_crl root '+20 days' "$list"
	expect 1 everleaf crl --update
	says err 'it is older than the one that we have: number 0100'
	remember "UPDATE crl_part SET next_update = $now - 5, sum = NULL"
	number=0100 from='-9 days' openssl_crl root '+20 days' "$list"
	expect 1 everleaf crl --update
	says err 'older than ours'
	number=0100 from='-1 hour' openssl_crl root '+20 days' "$list"
	expect 0 everleaf crl --update
	says err 'its number went back from 7fff to 0100 (hex)'
	cmp "$list" srv/root.crl
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

# Three CAs, one below the other: root, mid, low. root's and mid's lists are where those
# below them say, after a place where there is none.
three_cas() { # [SETTINGS]
	serve_pki
	openssl_ca root
	openssl_ca mid root "URI:ldap://127.0.0.1/x,URI:$pki/nowhere.crl,URI:$pki/root.crl"
	openssl_ca low mid "URI:$pki/mid.crl"
	cat low.pem mid.pem root.pem >all.pem
	for ca in root mid low; do
		openssl_crl $ca '+20 days' pki/$ca.crl
	done
	mkdir srv
	bundle "${1-url = \"$pki/low.crl\";}"
}

bundle() { # SETTINGS
	config <<-C
	issuers = ();
	certificates = ();
	crls = { name = "all"; bundle = "$dir/all.pem"; allow_local = true; $1
		files = { path = "$dir/srv/all.crl"; }; };
	C
}

test_the_lists_of_a_bundle_are_where_its_certificates_say() {
	three_cas
	expect 0 everleaf crl --update
	cat pki/low.crl pki/mid.crl pki/root.crl | cmp - srv/all.crl
	bundle ''
	rm srv/all.crl
	expect 1 everleaf crl --update # of low there is the one from before
	says err 'CN=low'
	says err 'nobody says where its CRL is'
	cat pki/low.crl pki/mid.crl pki/root.crl | cmp - srv/all.crl
}

test_a_bundle_without_the_list_of_its_root_is_not_written_and_it_is_said() {
	three_cas
	mv pki/root.crl kept
	expect 1 everleaf crl --update
	says err 'no good CRL of the CA "CN=root"'
	[ ! -e srv/all.crl ]
	mv kept pki/root.crl
	expect 0 everleaf crl --update
	cp srv/all.crl before
	rm pki/root.crl
	number=8000 openssl_crl low '+21 days' pki/low.crl
	expect 1 everleaf crl --update # what there is of root's is good
	says err 'CA CN=root: '
	cat pki/low.crl | cmp -n "$(stat -c %s pki/low.crl)" - srv/all.crl
	cp srv/all.crl before
	remember "UPDATE crl_part SET this_update = 1, next_update = 2, sum = NULL WHERE url LIKE '%/root.crl'"
	number=8001 openssl_crl low '+22 days' pki/low.crl
	expect 1 everleaf crl --update # ... and has ended
	says err 'no good CRL of the CA "CN=root"'
	cmp before srv/all.crl
}

test_a_bundle_without_its_root_is_an_error() {
	three_cas
	cat low.pem mid.pem >all.pem
	expect 1 everleaf crl --update
	says err 'lacks CA CN=root, which has issued CN=mid'
	[ ! -e srv/all.crl ]
}

# root has issued one and two, which name different points: a list for one of them does
# not speak for the other.
test_a_list_for_some_that_a_ca_has_issued_is_not_for_all() {
	serve_pki
	mkdir srv
	openssl_ca root
	openssl_ca one root "URI:$pki/root.crl"
	openssl_ca two root "URI:$pki/root2.crl"
	openssl_crl one '+20 days' pki/one.crl
	openssl_crl two '+20 days' pki/two.crl
	extensions="issuingDistributionPoint = critical,@idp
	[ idp ]
	fullname = URI:$pki/root.crl" openssl_crl root '+20 days' pki/root.crl
	cp pki/root.crl pki/root2.crl
	cat root.pem one.pem two.pem >all.pem
	bundle "url = [ \"$pki/one.crl\", \"$pki/two.crl\" ];"
	expect 1 everleaf crl --update
	says err 'only for certificates that name the distribution point'
	[ ! -e srv/all.crl ]
	cat root.pem one.pem >all.pem
	expect 0 everleaf crl --update
}

test_a_ca_that_is_several_is_an_error() {
	two_cas
	cp both.pem one.pem
	expect 1 everleaf crl --update
	says err 'expected that of one CA'
	[ ! -e srv/one.crl ]
}

run_tests "$@"
