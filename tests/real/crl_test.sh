#!/bin/bash
# crl: a real nginx refuses who was revoked, and never anybody else, whatever a CA serves.
. "$(dirname "$0")/../lib.sh"

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

# A client certificate NAME of the embedded CA: NAME.pem and NAME.key.
client() { # NAME
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1.key" \
		-subj "/CN=$1" -addext "subjectAltName=DNS:$1.example" -out "$1.csr" 2>/dev/null
	everleaf ca lab sign "$1.csr" >"$1.pem"
}

serial_of() { # FILE
	openssl x509 -in "$1" -noout -serial | sed 's/.*=//'
}

settings() { # [SETTINGS of the CRL]
	config <<-C
	issuers = ( { name = "lab"; type = "local"; } );
	certificates = ();
	hooks = ( $(nginx_hook_config 'on = [ "crl-updated" ];') );
	crls = ( { name = "clients"; ca = "$dir/ca.pem"; allow_local = true; hooks = "nginx";
		${1-url = \"$pki/clients.crl\";}
		files = ( { path = "$dir/tls/clients.crl"; } ); } );
	C
}

# What the CA says now is what it serves.
publish() {
	everleaf ca lab crl >pki/clients.crl.new
	mv pki/clients.crl.new pki/clients.crl
}

# nginx asks for certificates of ann and bob, with the CRL that everleaf writes.
nginx_asks() {
	serve_pki
	mkdir tls
	port=1 # no nginx runs yet
	: >ca.pem
	settings
	expect 0 everleaf ca lab init
	cp state/ca/lab/root.pem ca.pem
	client ann
	client bob
	publish
	placeholder tls/www.pem
	PATH=$PATH:/usr/sbin:/sbin
	command -v nginx >/dev/null || skip "nginx is not installed"
	free_port
	nginx_config $port "$dir/tls/www.pem" "$dir/tls/www.pem"
	sed -i "s|server_name localhost;|&\nssl_client_certificate $dir/ca.pem;\nssl_verify_client on;\nssl_crl $dir/tls/clients.crl;|" nginx.conf
	cp pki/clients.crl tls/clients.crl
	nginx -c "$dir/nginx.conf" -p "$dir"
	until_true 60 test -s "$dir/nginx/pid"
	started "$(cat "$dir/nginx/pid")"
	settings
	expect 0 everleaf crl --update
}

# What nginx answers to a client: 200, or 400 for one that it refuses.
status_for() { # NAME
	curl -sS -k -o /dev/null -w '%{http_code}' --cert "$1.pem" --key "$1.key" "https://127.0.0.1:$port/"
}

gets() { # STATUS NAME
	[ "$(status_for "$2")" = "$1" ]
}

# Every worker of nginx, the new ones too.
all_get() { # STATUS NAME
	local i
	for i in {1..10}; do
		gets "$1" "$2" || return 1
	done
}

error_of() {
	(everleaf crl --json || :) | json crls.0.last_error
}

# What is published now is not taken, and nobody notices but who asks why.
stays() { # WORDS of the reason
	local before=$(sha256sum tls/clients.crl)
	expect 1 everleaf crl --update
	is "$before" "$(sha256sum tls/clients.crl)"
	error_of | has "$1"
	all_get 200 ann
	until_true 60 all_get 400 bob # an old worker of nginx may be there yet
}

test_who_was_revoked_is_refused_and_others_are_not() {
	nginx_asks
	all_get 200 ann
	all_get 200 bob
	expect 0 everleaf ca lab revoke "$(serial_of bob.pem)"
	publish
	expect 0 everleaf crl --update
	until_true 60 gets 400 bob
	until_true 60 all_get 400 bob
	all_get 200 ann
	expect 0 everleaf crl
	says out fresh
}

test_the_agent_looks_by_itself() {
	nginx_asks
	expect 0 everleaf ca lab revoke "$(serial_of bob.pem)"
	publish
	python3 - <<-'P' # it is time
	import sqlite3
	db = sqlite3.connect("state/agent/state.db", timeout=60)
	db.execute("UPDATE crl SET look_at = 1, sum = NULL")
	db.commit()
	P
	start_agent
	until_true 60 gets 400 bob
	gets 200 ann
	until_true 60 everleaf crl --update
	stop_agent
}

test_a_list_that_is_there_is_not_loaded_again() {
	local i
	nginx_asks
	for i in 1 2 3 4; do
		expect 0 everleaf crl --update
	done
	is 1 "$(events clients crl-updated)"
	grep -c '^304' pki.served/log | has 4
}

test_what_is_not_good_changes_nothing() {
	nginx_asks
	expect 0 everleaf ca lab revoke "$(serial_of bob.pem)"
	cp pki/clients.crl older.crl
	publish
	expect 0 everleaf crl --update
	until_true 60 all_get 400 bob
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
	ours 'expired' pki/clients.crl
	stays 'clients.crl: '
	# and then as it should be
	cp newer.crl pki/clients.crl
	expect 0 everleaf crl --update
	is null "$(error_of)"
}

# A CRL by openssl in FILE: of another CA.
other_ca() { # DAYS FILE
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout other.key \
		-subj "/CN=other" -days 30 -out other.pem 2>/dev/null
	openssl_crl other "+$1 days" "$2"
}

# ... of ours, that has ended.
ours() { # WORD FILE
	cp state/ca/lab/root.pem lab.pem
	cp state/ca/lab/root.key lab.key
	openssl_crl lab "-1 day" "$2"
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

test_the_second_url_is_asked_where_the_first_has_none() {
	nginx_asks
	settings "url = [ \"$pki/nowhere.crl\", \"$pki/clients.crl\" ];"
	expect 0 everleaf ca lab revoke "$(serial_of bob.pem)"
	publish
	expect 0 everleaf crl --update
	until_true 60 gets 400 bob
}

test_a_bundle_is_written_when_every_ca_has_its_list() {
	nginx_asks
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
	until_true 60 gets 200 ann
}

run_tests "$@"
