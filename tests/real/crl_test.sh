#!/bin/bash
# crl: real servers refuse who was revoked, and never anybody else, whatever a CA serves.
. "$(dirname "$0")/../lib.sh"
. "$root/tests/lib_mtls.sh"

# A web server for what the CA publishes: what is in $dir/pki is at $pki.
serve_pki() {
	mkdir pki
	mkfifo pki.stdin
	"$root/tests/tools/files" "$dir/pki" <pki.stdin >pki.out 2>&1 &
	started $!
	exec 7>pki.stdin
	until_true 60 test -s pki.served/port
	pki=http://127.0.0.1:$(cat pki.served/port)
}

# A client certificate of the embedded CA: NAME.pem and NAME.key.
client() { # NAME
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1.key" \
		-subj "/CN=$1" -addext "subjectAltName=DNS:$1.example" -out "$1.csr" 2>/dev/null
	if [ $kind = openvpn ]; then # takes nobody without a subject, and everleaf gives none
		openssl x509 -req -in "$1.csr" -CA ca.pem -CAkey state/ca/lab/root.key -days 2 -out "$1.pem" 2>/dev/null
	else
		everleaf ca lab sign "$1.csr" >"$1.pem"
	fi
}

serial_of() { # FILE
	openssl x509 -in "$1" -noout -serial | sed 's/.*=//'
}

settings() { # [SETTINGS of the CRL]
	config <<-C
	issuers = ( { name = "lab"; type = "local"; } );
	certificates = ();
	hooks = ( $("${kind}_hook") );
	crls = ( { name = "clients"; ca = "$dir/ca.pem"; allow_local = true; hooks = "server";
		${1-url = \"$pki/clients.crl\";}
		files = ( { path = "$dir/tls/clients.crl"; }, { path = "$dir/tls/crls"; content = "hashed"; } ); } );
	C
}

# What the CA says now is what it serves.
publish() {
	everleaf ca lab crl >pki/clients.crl.new
	mv pki/clients.crl.new pki/clients.crl
}

# SERVER takes who has a certificate of the embedded CA, as ann and bob have, and is not on
# the CRL that everleaf writes.
asks() { # SERVER
	kind=$1
	"${kind}_is_there"
	serve_pki
	mkdir tls tls/crls
	: >ca.pem
	free_port
	settings
	expect 0 everleaf ca lab init
	cp state/ca/lab/root.pem ca.pem
	client ann
	client bob
	publish
	mtls_files ca.pem pki/clients.crl
	"${kind}_starts"
	expect 0 everleaf crl --update
}

takes() { # NAME
	"${kind}_takes" "$1"
}

refuses() { # NAME
	not_now "${kind}_takes" "$1"
}

# `! COMMAND` where it may fail.
not_now() {
	if "$@"; then return 1; fi
}

# Every worker, the new ones too.
always() { # takes|refuses NAME
	local i
	for i in {1..10}; do
		"$@" || return 1
	done
}

# ann asks again and again, until $dir/enough is there: asked has a line for each time.
ann_asks() {
	while [ ! -e enough ]; do
		if takes ann >ann.said 2>&1; then
			echo taken
		else
			echo refused "$(tail -n 1 ann.said)"
		fi
	done >asked &
	asking=$!
	started $asking
	until_true 60 has_asked 1
}

has_asked() { # TIMES
	[ "$(wc -l <asked)" -ge "$1" ]
}

# She has asked a few times more, and was always taken.
ann_was_taken() {
	until_true 60 has_asked $(($(wc -l <asked) + 5))
	touch enough
	wait $asking
	has_no refused <asked
}

error_of() {
	(everleaf crl --json || :) | json crls.0.last_error
}

# What is published now is not taken, and nobody notices but who asks why.
stays() { # WORDS of the reason
	local before=$(stat -c %i:%Y tls/clients.crl && sha256sum tls/clients.crl)
	expect 1 everleaf crl --update
	is "$before" "$(stat -c %i:%Y tls/clients.crl && sha256sum tls/clients.crl)"
	error_of | has "$1"
	takes ann
	refuses bob
}

who_was_revoked_is_refused_and_others_are_not() { # SERVER
	asks "$1"
	takes ann
	takes bob
	ann_asks
	expect 0 everleaf ca lab revoke "$(serial_of bob.pem)"
	publish
	expect 0 everleaf crl --update
	until_true 60 refuses bob
	until_true 60 always refuses bob
	always takes ann
	ann_was_taken
	kill -0 $server
	expect 0 everleaf crl
	says out fresh
}

what_is_not_good_changes_nothing() { # SERVER
	asks "$1"
	expect 0 everleaf ca lab revoke "$(serial_of bob.pem)"
	cp pki/clients.crl older.crl
	publish
	expect 0 everleaf crl --update
	until_true 60 always refuses bob
	# an HTML page
	echo '<html><body>Service unavailable</body></html>' >pki/clients.crl
	stays 'clients.crl: '
	# cut off
	publish
	cp pki/clients.crl newer.crl
	echo 100 >pki/clients.crl.cut
	stays 'clients.crl: '
	rm pki/clients.crl.cut
	head -c 200 newer.crl >pki/clients.crl
	stays 'clients.crl: '
	# nothing
	: >pki/clients.crl
	stays 'clients.crl: '
	rm pki/clients.crl
	stays 'clients.crl: '
	# what it was before
	cp older.crl pki/clients.crl
	stays older # by its number
	# another CA's
	other_ca 30 pki/clients.crl
	stays 'clients.crl: '
	# ended: the same CA, with its key
	ours pki/clients.crl
	stays 'clients.crl: '
	is 2 "$(events clients crl-updated)" # so often the server was told
	# and then as it should be
	cp newer.crl pki/clients.crl
	expect 0 everleaf crl --update
	is null "$(error_of)"
	takes ann
	kill -0 $server
}

# A CRL by openssl in FILE: of another CA.
other_ca() { # DAYS FILE
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout other.key \
		-subj "/CN=other" -days 30 -out other.pem 2>/dev/null
	openssl_crl other "+$1 days" "$2"
}

# ... of ours, that has ended.
ours() { # FILE
	cp state/ca/lab/root.pem lab.pem
	cp state/ca/lab/root.key lab.key
	openssl_crl lab "-1 day" "$1"
}

openssl_crl() { # CA UNTIL FILE
	: >index.txt
	echo 7fff >crlnumber
	cat >ca.cnf <<-C
	[ ca ]
	default_ca = x
	[ x ]
	database = $dir/index.txt
	crlnumber = $dir/crlnumber
	default_md = sha256
	crl_extensions = e
	[ e ]
	authorityKeyIdentifier = keyid
	C
	openssl ca -config ca.cnf -gencrl -cert "$1.pem" -keyfile "$1.key" \
		-crl_lastupdate "$(date -u -d "-2 days" +%Y%m%d%H%M%SZ)" \
		-crl_nextupdate "$(date -u -d "$2" +%Y%m%d%H%M%SZ)" -out "$3" 2>/dev/null
}

# -- with each of them --

test_nginx_refuses_who_was_revoked_and_nobody_else() {
	who_was_revoked_is_refused_and_others_are_not nginx
}

test_haproxy_refuses_who_was_revoked_and_nobody_else() {
	who_was_revoked_is_refused_and_others_are_not haproxy
}

test_apache_refuses_who_was_revoked_and_nobody_else() {
	who_was_revoked_is_refused_and_others_are_not apache
}

test_apache_with_a_folder_refuses_who_was_revoked_and_nobody_else() {
	who_was_revoked_is_refused_and_others_are_not apache_with_a_folder
	is "$(openssl crl -in tls/clients.crl -noout -hash).r0" "$(ls tls/crls)"
}

test_postgres_refuses_who_was_revoked_and_nobody_else() {
	who_was_revoked_is_refused_and_others_are_not postgres
}

test_openvpn_refuses_who_was_revoked_and_nobody_else() {
	who_was_revoked_is_refused_and_others_are_not openvpn
}

test_mosquitto_refuses_who_was_revoked_and_nobody_else() {
	who_was_revoked_is_refused_and_others_are_not mosquitto
}

test_nginx_does_not_notice_what_is_not_good() {
	what_is_not_good_changes_nothing nginx
}

test_haproxy_does_not_notice_what_is_not_good() {
	what_is_not_good_changes_nothing haproxy
}

test_apache_does_not_notice_what_is_not_good() {
	what_is_not_good_changes_nothing apache
}

test_postgres_does_not_notice_what_is_not_good() {
	what_is_not_good_changes_nothing postgres
}

test_openvpn_does_not_notice_what_is_not_good() {
	what_is_not_good_changes_nothing openvpn
}

test_mosquitto_does_not_notice_what_is_not_good() {
	what_is_not_good_changes_nothing mosquitto
}

# -- with one of them --

test_the_agent_looks_by_itself() {
	asks nginx
	expect 0 everleaf ca lab revoke "$(serial_of bob.pem)"
	publish
	python3 - <<-'P' # it is time
	import sqlite3
	db = sqlite3.connect("state/agent/state.db", timeout=60)
	db.execute("UPDATE crl SET look_at = 1, sum = NULL")
	db.commit()
	P
	start_agent
	until_true 60 refuses bob
	takes ann
	until_true 60 everleaf crl --update
	stop_agent
}

test_a_list_that_is_there_is_not_loaded_again() {
	local i
	asks nginx
	for i in 1 2 3 4; do
		expect 0 everleaf crl --update
	done
	is 1 "$(events clients crl-updated)"
	grep -c '^304' pki.served/log | has 4
}

test_the_second_url_is_asked_where_the_first_has_none() {
	asks nginx
	settings "url = [ \"$pki/nowhere.crl\", \"$pki/clients.crl\" ];"
	expect 0 everleaf ca lab revoke "$(serial_of bob.pem)"
	publish
	expect 0 everleaf crl --update
	until_true 60 refuses bob
}

test_a_bundle_is_written_when_every_ca_has_its_list() {
	asks nginx
	other_ca 30 pki/other.crl
	cat ca.pem other.pem >both.pem
	settings "url = \"$pki/clients.crl\";"
	sed -i "s|ca = \"$dir/ca.pem\"|bundle = \"$dir/both.pem\"|" everleaf.conf
	cp tls/clients.crl before
	expect 1 everleaf crl --update
	cmp before tls/clients.crl
	says err 'CN=other'
	sed -i "s|url = \"$pki/clients.crl\"|url = [ \"$pki/clients.crl\", \"$pki/other.crl\" ]|" everleaf.conf
	expect 0 everleaf crl --update
	is 2 "$(grep -c 'BEGIN X509 CRL' tls/clients.crl)"
	until_true 60 takes ann
}

run_tests "$@"
