#!/bin/bash
# revoked: who is on the CRL of its issuer is replaced, at once, once, and with a new key;
# a list that cannot be had or believed changes nothing.
. "$(dirname "$0")/../lib.sh"

# A hook that is told.
ops() {
	hook ops <<-'H'
	echo "$EVERLEAF_EVENT $EVERLEAF_NAMES ${EVERLEAF_ERROR-}" >>"$dir/told"
	H
}

# What the CA publishes: what is in $dir/pki is at $pki; and the hook.
serve_pki() {
	mkdir pki
	mkfifo pki.stdin
	"$root/tests/tools/files" "$dir/pki" <pki.stdin >pki.out 2>&1 &
	started $!
	exec 7>pki.stdin
	ops
	until_true 60 test -s pki.served/port
	pki=http://127.0.0.1:$(cat pki.served/port)
}

settings() { # [OF THE CERTIFICATE [OF THE ISSUER [ISSUERS]]]
	config <<-C
	issuers = ( { name = "lab"; type = "local"; crl_url = "$pki/lab.crl"; ${2-} } ${3-} );
	hooks = ( { name = "ops"; run = [ "$dir/ops", "run" ]; on = [ "revoked" ]; } );
	certificates = ( { name = "www"; names = "www.example"; hooks = "ops"; ${1-issuer = \"lab\";} } ${more-} );
	${http+http = \"unix:$http\";}
	C
}

# What the CA says now is what it serves.
publish() {
	cp state/ca/lab/crl.der pki/lab.new
	mv pki/lab.new pki/lab.crl
}

# A certificate of the embedded CA, whose CRL is served.
lab() { # [SETTINGS...]
	serve_pki
	settings "$@"
	expect 0 everleaf renew
	publish
	expect 0 everleaf crl --update
}

serial_of() { # NAME
	openssl x509 -in "state/live/$1/cert.pem" -noout -serial | sed 's/.*=//'
}

key_of() { # NAME
	openssl x509 -in "state/live/$1/cert.pem" -noout -pubkey
}

revoke() { # NAME [REASON]
	expect 0 everleaf ca lab revoke "$(serial_of "$1")" ${2:+--reason "$2"}
	publish
}

# Not to wait for the next look.
it_is_time() {
	python3 - "$dir/state/agent/state.db" <<-'P'
	import sqlite3, sys
	db = sqlite3.connect(sys.argv[1], timeout=60)
	db.execute("UPDATE own_list SET look_at = 1, sum = NULL")
	db.commit()
	P
}

own_list_lasts() { # FROM UNTIL
	python3 - "$dir/state/agent/state.db" "$@" <<-'P'
	import sqlite3, sys
	db = sqlite3.connect(sys.argv[1], timeout=60)
	db.execute("UPDATE own_list SET this_update = ?, next_update = ?, etag = '', last_modified = '', sum = NULL", sys.argv[2:])
	db.commit()
	P
}

own() { # PATH: of the list of leaves
	(everleaf status --json || :) | json "own_crls.0.$1"
}

fetches() { # STATUS
	grep -c "^$1 /lab.crl" pki.served/log || :
}

fetched() { # TIMES
	[ "$(fetches 200)" -ge "$1" ]
}

test_who_is_on_the_list_is_replaced_once_with_a_new_key() {
	lab 'issuer = "lab"; reuse_key = true;'
	local key=$(key_of www)
	revoke www keyCompromise
	it_is_time
	expect 0 everleaf renew
	is_live_of www 2 2
	not test "$key" = "$(key_of www)"
	is 1 "$(events www revoked)"
	everleaf history www | has keyCompromise
	says told "revoked www "
	says told "(keyCompromise), says $pki/lab.crl"
	says told "since $(date -u +%Y-%m-%d)T"
	it_is_time
	expect 0 everleaf renew
	is_live_of www 2 2
	is 1 "$(events www revoked)"
	is false "$(status_of www revoked)"
}

test_certificates_of_one_issuer_are_looked_up_in_one_list() {
	local more=', { name = "mail"; names = "mail.example"; issuer = "lab"; },
		{ name = "ftp"; names = "ftp.example"; issuer = "lab"; reuse_key = true; }'
	lab
	local key=$(key_of ftp)
	is 1 "$(fetches 200)"
	is 3 "$(own certificates)"
	revoke mail
	revoke ftp superseded
	it_is_time
	expect 0 everleaf renew
	is 2 "$(fetches 200)"
	is_live_of www 1 1
	is_live_of mail 2 2
	is_live_of ftp 2 2
	everleaf history ftp | has superseded
	not test "$key" = "$(key_of ftp)" # whatever the reason is
}

remembered_lists() {
	python3 - "$dir/state/agent/state.db" <<-'P'
	import sqlite3, sys
	db = sqlite3.connect(sys.argv[1], timeout=60)
	print(" ".join(r[0].split("/")[-1].strip() for r in db.execute("SELECT urls FROM own_list WHERE urls <> ''")))
	P
}

test_a_list_that_nobody_would_be_on_any_more_is_forgotten() {
	lab
	is lab.crl "$(remembered_lists)"
	sed -i 's|/lab.crl|/other.crl|' everleaf.conf
	expect 0 everleaf renew --force www
	is other.crl "$(remembered_lists)"
	sed -i 's/name = "www";/name = "mail";/' everleaf.conf
	expect 0 everleaf forget www
	is "" "$(remembered_lists)"
}

test_the_daemon_learns_it_and_a_restart_forgets_nothing() {
	lab
	revoke www
	it_is_time
	start_agent
	until_true 60 has_live www 2
	stop_agent
	is 1 "$(events www revoked)"
	it_is_time
	start_agent
	until_true 60 fetched 3
	stop_agent
	is_live_of www 2 2
	is 1 "$(events www revoked)"
}

test_who_is_killed_while_it_looks_looks_again() {
	lab
	revoke www
	touch pki/lab.crl.hold
	it_is_time
	start_agent
	until_true 60 fetched 2
	kill -9 $run
	no_role_is_left
	rm pki/lab.crl.hold
	start_agent
	until_true 60 has_live www 2
	stop_agent
	is_live_of www 2 2
	is 1 "$(events www revoked)"
}

test_who_is_killed_at_any_moment_goes_on() {
	local i
	lab
	revoke www
	it_is_time
	for i in 0.02 0.05 0.08 0.11 0.14 0.17 0.2 0.25 0.3 0.4; do
		start_agent
		sleep $i
		kill -9 $run
		no_role_is_left
	done
	expect 0 everleaf renew
	not has_live www 1
	is 1 "$(events www revoked)"
	is ok "$(status_of www health)"
}

test_a_hook_that_a_kill_kept_from_being_told_is_told_by_the_next_run() {
	lab
	hook ops <<-'H'
	if test -e "$dir/hold"; then
		touch "$dir/began"
		while test -e "$dir/hold"; do sleep 0.1; done
		exit
	fi
	echo "$EVERLEAF_EVENT $EVERLEAF_NAMES ${EVERLEAF_ERROR-}" >>"$dir/told"
	H
	revoke www superseded
	it_is_time
	touch hold
	start_agent
	until_true 60 test -e began
	kill -9 $run
	no_role_is_left
	rm hold
	is_live_of www 2 2
	not test -e told
	expect 0 everleaf renew
	says told "revoked www generation 1 is revoked: since "
	says told "(superseded), says $pki/lab.crl"
	expect 0 everleaf renew
	is 1 "$(wc -l <told)"
	is 1 "$(events www revoked)"
}

test_what_was_found_and_not_replaced_is_replaced_by_the_next_run() {
	lab
	revoke www
	expect 0 everleaf crl --update
	is true "$(status_of www revoked)"
	is_live_of www 1 1
	expect 0 everleaf renew
	is_live_of www 2 2
	is 1 "$(events www revoked)"
}

test_a_list_that_is_the_same_is_not_sent_again() {
	lab
	expect 0 everleaf crl --update
	is 1 "$(fetches 304)"
}

# What is published now is not believed: nothing happens, but that it is said.
is_not_believed() { # WORDS
	local status=0
	everleaf crl --update >out 2>err || status=$?
	is 1 $status
	own last_error | has "$1"
	is false "$(status_of www revoked)"
	expect 0 everleaf renew
	is_live_of www 1 1
	everleaf status | has "$1"
}

test_a_list_that_cannot_be_believed_changes_nothing() {
	lab
	cp pki/lab.crl older.crl
	expect 0 everleaf ca lab crl
	publish
	expect 0 everleaf crl --update
	cp older.crl pki/lab.crl
	is_not_believed older
	# ours would be on it, if another CA could say so
	other_crl pki/lab.crl
	is_not_believed 'is issued by'
	echo '<html><body>Service unavailable</body></html>' >pki/lab.crl
	is_not_believed lab.crl
	rm pki/lab.crl
	is_not_believed 404
	publish
	expect 0 everleaf crl --update
	is null "$(own last_error)"
}

# What is in index.txt, signed by a CA.
openssl_crl() { # CERTIFICATE KEY FILE
	echo 7fff >crlnumber
	cat >other.cnf <<-C
	[ ca ]
	default_ca = x
	[ x ]
	database = $dir/index.txt
	crlnumber = $dir/crlnumber
	default_md = sha256
	default_crl_days = 1
	crl_extensions = e
	[ e ]
	authorityKeyIdentifier = keyid
	C
	openssl ca -config other.cnf -gencrl -cert "$1" -keyfile "$2" -out "$3" 2>/dev/null
}

# A CRL of another CA, with the serial of www on it.
other_crl() { # FILE
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout other.key \
		-subj "/CN=other" -days 30 -out other.pem 2>/dev/null
	printf 'R\t351231235959Z\t%s\t%s\tunknown\t/CN=x\n' "$(date -u +%y%m%d%H%M%SZ)" \
		"$(serial_of www)" >index.txt
	openssl_crl other.pem other.key "$1"
}

# An issuer with an intermediate that names a CRL of its root, at $pki/root.crl.
intermediate() {
	local ca=state/ca/lab
	serve_pki
	settings "$@"
	expect 0 everleaf ca lab init
	echo "basicConstraints = critical, CA:TRUE, pathlen:0
		keyUsage = critical, keyCertSign, cRLSign
		subjectKeyIdentifier = hash
		authorityKeyIdentifier = keyid
		crlDistributionPoints = ${points-URI:ldap://ca.example/root,URI:$pki/nowhere.crl,URI:$pki/root.crl}
		[ some ]
		fullname = URI:$pki/some.crl
		reasons = keyCompromise, superseded
		[ other ]
		CRLissuer = dirName:other_name
		fullname = URI:$pki/other.crl
		[ other_name ]
		CN = another CA" >ext
	openssl x509 -x509toreq -in $ca/intermediate.pem -signkey $ca/intermediate.key -out ca.csr 2>/dev/null
	openssl x509 -req -in ca.csr -CA $ca/root.pem -CAkey $ca/root.key -days 30 -set_serial 0x7a01 \
		-extfile ext -out other.pem 2>/dev/null
	cat other.pem >$ca/intermediate.pem # keeps whose it is
	root_crl
	everleaf ca lab crl | sed '/END/q' >pki/lab.crl # it comes with the root's
	expect 0 everleaf renew
}

root_crl() { # [SERIAL that is revoked]
	: >index.txt
	[ -z "${1-}" ] || printf 'R\t351231235959Z\t%s,CACompromise\t%s\tunknown\t/CN=x\n' \
		"$(date -u +%y%m%d%H%M%SZ)" "$1" >index.txt
	openssl_crl state/ca/lab/root.pem state/ca/lab/root.key pki/root.crl
}

test_a_revoked_ca_is_left_for_the_next_issuer() {
	intermediate 'issuer = [ "lab", "two" ];' 'intermediate = true;' ', { name = "two"; type = "local"; }'
	grep -c '^200' pki.served/log | has 2
	is ok "$(status_of www health)"
	root_crl 7A01
	it_is_time
	expect 0 everleaf renew
	is_live_of www 2 2
	is two "$(status_of www issuer)"
	everleaf history www | has cACompromise
	everleaf history www | has untrusted
	# the first of its list brings that CA again
	expect 1 everleaf renew --force www
	says err 'is revoked since'
	is_live_of www 2 2
}

test_a_revoked_ca_of_the_only_issuer_is_an_alarm() {
	intermediate 'issuer = "lab";' 'intermediate = true;'
	root_crl 7A01
	it_is_time
	expect 1 everleaf renew
	is_live_of www 1 1
	says err 'is revoked since'
	is 'CA revoked' "$(status_of www health)"
	everleaf status www | has 'a CA above it is revoked'
}

test_points_that_are_not_asked_are_told() {
	local points='some, other, URI:ldap://ca.example/root'
	intermediate 'issuer = "lab";' 'intermediate = true;'
	everleaf status | tr -s ' \n' ' ' >out # notes are wrapped
	says out 'no distribution point can be asked: it is not seen here if a CA is revoked'
	says out "$pki/some.crl is not asked: it is for some reasons only, or another CA signs it"
	says out "$pki/other.crl is not asked"
	says out 'ldap://ca.example/root is not asked: only http and https are spoken'
	everleaf status --json | tr -d ' \n' | has "\"urls\":\[\],\"not_asked\":\[\"$pki/some.crl\","
	has_no some.crl <pki.served/log
}

# Nobody here has its key.
test_of_a_ca_without_a_list_it_is_told() {
	config <<-C
	certificates = ( { name = "www"; names = "www.example"; issuer = "local"; } );
	C
	expect 0 everleaf renew
	mv state/ca/local state/ca/other
	everleaf status | tr -s ' \n' ' ' |
		has 'the issuer names no CRL: it is not seen here if www is revoked'
	is none "$(own state)"
	is null "$(own next_at)"
	everleaf plan | has_no 'look up'
}

# A certificate of an embedded CA that names no list, with a key that would be kept.
unlisted() { # [OF THE ISSUER]
	ops
	config <<-C
	issuers = ( { name = "lab"; type = "local"; ${1-} } );
	hooks = ( { name = "ops"; run = [ "$dir/ops", "run" ]; on = [ "revoked" ]; } );
	certificates = ( { name = "www"; names = "www.example"; issuer = "lab"; reuse_key = true; hooks = "ops"; } );
	C
	expect 0 everleaf renew
	cp state/live/www/cert.pem before.pem
	everleaf status | has_no 'names no CRL'
	everleaf crl | has "^file://$dir/state/ca/lab/crl.der  *fresh"
}

was_replaced() {
	has_live www 2
	is 1 "$(events www revoked)"
	is 1 "$(grep -c '^revoked www' told)"
	everleaf history www | has "(keyCompromise), says file://$dir/state/ca/lab/crl.der"
	not cmp <(openssl x509 -in before.pem -noout -pubkey) \
		<(openssl x509 -in state/live/www/cert.pem -noout -pubkey)
}

test_what_an_embedded_ca_that_names_no_list_has_revoked_is_replaced() {
	unlisted
	is "file://$dir/state/ca/lab/crl.der" "$(own urls.0)"
	expect 0 everleaf ca lab revoke "$(serial_of www)" --reason keyCompromise
	everleaf plan | has 'look up 1 in the CRL.*now'
	expect 0 everleaf renew
	was_replaced
	expect 0 everleaf renew # of which there is nothing to say any more
	has_live www 2
	is 1 "$(events www revoked)"
}

test_the_daemon_replaces_what_an_embedded_ca_has_revoked() {
	unlisted 'intermediate = true;'
	start_agent
	until_true 60 agent_runs
	expect 0 everleaf ca lab revoke "$(serial_of www)" --reason keyCompromise
	until_true 60 has_live www 2
	until_true 60 test -s told
	stop_agent
	was_replaced
}

has_worker() {
	pgrep -P $run -f '^everleaf-worker'
}

has_no_worker() {
	if has_worker; then return 1; fi
}

test_the_worker_that_has_looked_is_gone_when_nothing_is_due() {
	unlisted
	expect 0 everleaf ca lab revoke 7A01
	start_agent
	until_true 60 has_worker
	until_true 120 has_no_worker
	stop_agent
}

# Another certificate's is not ours.
test_what_else_an_embedded_ca_has_revoked_changes_nothing() {
	unlisted
	expect 0 everleaf ca lab revoke 7A01
	expect 0 everleaf renew
	is fresh "$(own state)"
	is 1 "$(own entries)"
	has_live www 1
	is 0 "$(events www revoked)"
}

is_answered() {
	curl -sSf -m 20 --unix-socket "$http" http://localhost/healthz
}

sample() { # LINE BEGINS: its value
	curl -sS -m 20 --unix-socket "$http" http://localhost/metrics | sed -n "s|^$1 ||p"
}

seconds() { # TIME
	date -d "$1" +%s
}

test_what_is_looked_at_is_told_everywhere() {
	local http=$dir/run/http.sock
	lab
	everleaf plan | has 'look up 1 in the CRL'
	everleaf plan --json >out
	is "look up" "$(json own_crls.0.action <out)"
	is "$(own next_at)" "$(json own_crls.0.at <out)"
	everleaf crl | has "$pki/lab.crl.*fresh"
	everleaf crl --json >out
	is "$pki/lab.crl" "$(json own_crls.0.urls.0 <out)"
	is fresh "$(json own_crls.0.state <out)"
	start_agent
	until_true 60 is_answered
	is "$(seconds "$(own next_update)")" \
		"$(sample "everleaf_own_crl_next_update_seconds{url=\"$pki/lab.crl\"}")"
	is "$(seconds "$(own last_success)")" \
		"$(sample "everleaf_own_crl_last_success_seconds{url=\"$pki/lab.crl\"}")"
	stop_agent
}

# Its list is published by hand, some time.
test_what_an_embedded_ca_has_revoked_is_replaced_before_it_is_published() {
	lab
	cp state/live/www/cert.pem before.pem
	expect 0 everleaf renew
	everleaf plan | has_no 'CRL.*now'
	expect 0 everleaf ca lab revoke "$(serial_of www)" --reason keyCompromise
	everleaf plan | has 'look up 1 in the CRL.*now'
	expect 0 everleaf renew
	was_replaced
	expect 0 everleaf renew # what is published says no more than before
	has_live www 2
	is 0 "$(own failures)"
	is "$pki/lab.crl" "$(own urls.0)"
	publish
	it_is_time
	expect 0 everleaf renew
	is fresh "$(own state)"
	has_live www 2
}

test_a_list_that_is_late_or_over_counts_for_monitoring() {
	local now=$(date +%s)
	lab
	expect 0 everleaf status --check
	own_list_lasts $((now - 600)) $((now + 400))
	expect 1 everleaf status --check
	says out "WARNING - 1 certificate - CRL $pki/lab.crl: late"
	is late "$(own state)"
	own_list_lasts $((now - 800)) $((now + 200))
	expect 1 everleaf status --check
	says out "CRL $pki/lab.crl: old"
	own_list_lasts $((now - 800)) $((now - 200))
	expect 2 everleaf status --check
	says out "CRITICAL - 1 certificate - CRL $pki/lab.crl: ended"
	expect 0 everleaf status --check www # who names one asks about that
	rm pki/lab.crl
	it_is_time
	expect 0 everleaf renew
	says err "is over: $pki/lab.crl is of"
	publish
	it_is_time
	expect 0 everleaf renew
	expect 0 everleaf status --check
}

test_who_does_not_answer_is_told_of_once() {
	local i
	lab
	rm pki/lab.crl
	for i in 1 2 3; do
		it_is_time
		expect 0 everleaf renew
		cat err >>said
	done
	is 3 "$(own failures)"
	is 1 "$(grep -c 'may be on' said)"
	[ "$(seconds "$(own next_at)")" -gt $(($(date +%s) + 60)) ]
	everleaf status | has 'last error'
	expect 1 everleaf crl # what is asked by who watches lists
	expect 1 everleaf crl --json
	publish
	it_is_time
	expect 0 everleaf renew
	is 0 "$(own failures)"
	expect 0 everleaf crl
	is_live_of www 1 1
}

run_tests "$@"
