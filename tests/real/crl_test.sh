#!/bin/bash
# crl: real servers refuse who was revoked, and never anybody else, whatever a CA serves.
. "$(dirname "$0")/../lib.sh"
. "$root/tests/lib_mtls.sh"
. "$root/tests/lib_pki.sh"

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

settings() { # [SETTINGS of the CRL]
	config <<-C
	issuers = ( { name = "lab"; type = "local"; } );
	certificates = ();
	hooks = ( $("${kind}_hook") );
	crls = ( { name = "clients"; $([[ ${1-} == *bundle* ]] || echo "ca = \"$dir/ca.pem\";") allow_local = true; hooks = "server";
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
	check_says ''
}

# What `check` says of the server's own configuration; "": nothing.
check_says() { # WORDS [SETTINGS of the CRL]
	local file
	case $kind in
	nginx) file=nginx:$dir/nginx.conf ;;
	haproxy) file=haproxy:$dir/haproxy.cfg ;;
	apache*) file=apache:$dir/apache.conf ;;
	postgres) file=postgresql:$dir/db/postgresql.conf ;;
	mosquitto) file=mosquitto:$dir/mosquitto.conf ;;
	openvpn) return ;; # has only a command line here
	esac
	settings "${2-url = \"$pki/clients.crl\";} servers = \"$file\";"
	expect 0 everleaf check
	if [ -n "$1" ]; then
		says err "$1"
	else
		is '' "$(cat err)"
	fi
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
	openssl_ca other
	openssl_crl other "+$1 days" "$2"
}

# ... of ours, that has ended.
ours() { # FILE
	cp state/ca/lab/root.pem lab.pem
	cp state/ca/lab/root.key lab.key
	openssl_crl lab "-1 day" "$1"
}

# ann and bob are below mid, which is below root; root's list is where mid says. As long as
# there is none of root's, no list of mid's is written: servers would refuse everybody.
without_the_list_of_the_root_nothing_changes() { # SERVER
	kind=$1
	"${kind}_is_there"
	serve_pki
	mkdir tls tls/crls
	openssl_ca root
	openssl_ca mid root "URI:$pki/root.crl"
	cat mid.pem root.pem >ca.pem
	openssl_leaf ann mid
	openssl_leaf bob mid
	openssl_crl root '+20 days' pki/root.crl
	openssl_crl mid '+20 days' pki/mid.crl
	cat pki/mid.crl pki/root.crl >both.crl
	mtls_files ca.pem both.crl
	free_port
	"${kind}_starts"
	settings "url = \"$pki/mid.crl\";"
	sed -i "s|ca = \"$dir/ca.pem\"|bundle = \"$dir/ca.pem\"|" everleaf.conf
	expect 0 everleaf crl --update
	until_true 60 takes ann
	takes bob
	mv pki/root.crl kept.crl
	python3 - <<-'P' # what there was of root's has ended
	import sqlite3
	db = sqlite3.connect("state/agent/state.db", timeout=60)
	db.execute("UPDATE crl_part SET this_update = 1, next_update = 2, sum = NULL WHERE url LIKE '%root.crl'")
	db.commit()
	P
	revoked=$(serial_of bob.pem) number=8000 openssl_crl mid '+21 days' pki/mid.crl
	cp tls/clients.crl before
	expect 1 everleaf crl --update
	error_of | has 'no good CRL of the CA "CN=root"'
	cmp before tls/clients.crl
	always takes ann
	takes bob
	kill -0 $server
	number=8000 openssl_crl root '+21 days' pki/root.crl
	expect 0 everleaf crl --update
	until_true 60 refuses bob
	always takes ann
}

# Its list has ended and was taken away, and the server told so: who was revoked is not let
# in by that, and a list that comes again is taken. (Mosquitto 2.0.11 lets in everybody
# then: everleaf.conf(5) says so.)
nobody_gets_in_without_a_list() { # SERVER
	asks "$1"
	settings "url = \"$pki/clients.crl\"; on_stale = \"remove\";"
	expect 0 everleaf ca lab revoke "$(serial_of bob.pem)"
	publish
	expect 0 everleaf crl --update
	until_true 60 always refuses bob
	rm pki/clients.crl
	python3 - <<-'P' # it is over
	import sqlite3
	db = sqlite3.connect("state/agent/state.db", timeout=60)
	db.execute("UPDATE crl_part SET this_update = 1, next_update = 2, sum = NULL")
	db.commit()
	P
	expect 1 everleaf crl --update
	[ ! -e tls/clients.crl ]
	is 0 "$(ls tls/crls | wc -l)"
	always refuses bob
	kill -0 $server
	publish
	expect 0 everleaf crl --update
	until_true 60 always takes ann
	always refuses bob
}

# As its hook does.
reload() {
	local words=$("${kind}_hook" | sed 's/.*run = \[\([^]]*\)\].*/\1/; s/", "/" "/g')
	eval "${prefix-} $words"
}

# Somebody has put a list there that has ended, without who was revoked, and has the server
# load it: that lets in nobody, and it is what it was when everleaf has looked.
nobody_gets_in_by_a_list_that_has_ended() { # SERVER
	asks "$1"
	expect 0 everleaf ca lab revoke "$(serial_of bob.pem)"
	publish
	expect 0 everleaf crl --update
	until_true 60 always refuses bob
	ours tls/ended.crl
	mv tls/ended.crl tls/clients.crl
	cp tls/clients.crl tls/crls/*.r0
	reload
	until_true 60 refuses ann # it has loaded it
	always refuses bob
	expect 0 everleaf crl --update
	until_true 60 always takes ann
	always refuses bob
	is 1 "$(events clients drift)"
	kill -0 $server
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

test_nginx_notices_nothing_as_long_as_the_list_of_the_root_is_missing() {
	without_the_list_of_the_root_nothing_changes nginx
}

test_haproxy_notices_nothing_as_long_as_the_list_of_the_root_is_missing() {
	without_the_list_of_the_root_nothing_changes haproxy
}

test_apache_notices_nothing_as_long_as_the_list_of_the_root_is_missing() {
	without_the_list_of_the_root_nothing_changes apache
}

test_apache_with_a_folder_notices_nothing_as_long_as_the_list_of_the_root_is_missing() {
	without_the_list_of_the_root_nothing_changes apache_with_a_folder
}

test_postgres_notices_nothing_as_long_as_the_list_of_the_root_is_missing() {
	without_the_list_of_the_root_nothing_changes postgres
}

test_openvpn_notices_nothing_as_long_as_the_list_of_the_root_is_missing() {
	without_the_list_of_the_root_nothing_changes openvpn
}

test_mosquitto_notices_nothing_as_long_as_the_list_of_the_root_is_missing() {
	without_the_list_of_the_root_nothing_changes mosquitto
}

test_nginx_lets_nobody_in_without_a_list() {
	nobody_gets_in_without_a_list nginx
}

test_haproxy_lets_nobody_in_without_a_list() {
	nobody_gets_in_without_a_list haproxy
}

test_apache_lets_nobody_in_without_a_list() {
	nobody_gets_in_without_a_list apache
}

test_apache_with_a_folder_lets_nobody_in_without_a_list() {
	nobody_gets_in_without_a_list apache_with_a_folder
}

test_postgres_lets_nobody_in_without_a_list() {
	nobody_gets_in_without_a_list postgres
}

test_openvpn_lets_nobody_in_without_a_list() {
	nobody_gets_in_without_a_list openvpn
}

test_nginx_lets_nobody_in_by_a_list_that_has_ended() {
	nobody_gets_in_by_a_list_that_has_ended nginx
}

test_haproxy_lets_nobody_in_by_a_list_that_has_ended() {
	nobody_gets_in_by_a_list_that_has_ended haproxy
}

test_apache_lets_nobody_in_by_a_list_that_has_ended() {
	nobody_gets_in_by_a_list_that_has_ended apache
}

test_apache_with_a_folder_lets_nobody_in_by_a_list_that_has_ended() {
	nobody_gets_in_by_a_list_that_has_ended apache_with_a_folder
}

test_postgres_lets_nobody_in_by_a_list_that_has_ended() {
	local prefix="${owner[*]}"
	nobody_gets_in_by_a_list_that_has_ended postgres
}

test_openvpn_lets_nobody_in_by_a_list_that_has_ended() {
	nobody_gets_in_by_a_list_that_has_ended openvpn
}

test_mosquitto_lets_nobody_in_by_a_list_that_has_ended() {
	nobody_gets_in_by_a_list_that_has_ended mosquitto
}

# -- what `check` says of a server's settings is so --

# By the line of its configuration that sed(1) changes, bob gets in.
bob_gets_in_and_check_says_why() { # SERVER SED WORDS
	asks "$1"
	expect 0 everleaf ca lab revoke "$(serial_of bob.pem)"
	publish
	expect 0 everleaf crl --update
	until_true 60 always refuses bob
	check_says ''
	sed -i "$2" apache.conf haproxy.cfg 2>/dev/null || :
	reload
	until_true 60 always takes bob
	check_says "$3"
}

test_apache_that_does_not_check_is_told_of() {
	bob_gets_in_and_check_says_why apache '/SSLCARevocationCheck/d' 'SSLCARevocationCheck is none'
}

test_haproxy_that_ignores_errors_is_told_of() {
	bob_gets_in_and_check_says_why haproxy 's/verify required/& crt-ignore-err all/' 'crt-ignore-err is all'
}

# ann is below two CAs and a root.
a_depth_is_told_of() { # SERVER SETTING TOO-SMALL ENOUGH
	local name bundle
	kind=$1
	"${kind}_is_there"
	pki=http://127.0.0.1
	mkdir tls tls/crls
	openssl_ca root
	openssl_ca mid root
	openssl_ca sub mid
	openssl_leaf ann sub
	for name in sub mid root; do
		openssl_crl $name '+20 days' $name.crl
	done
	cat sub.pem mid.pem root.pem >ca.pem
	cat sub.crl mid.crl root.crl >all.crl
	mtls_files ca.pem all.crl
	free_port
	"${kind}_starts"
	bundle="url = \"$pki/a.crl\"; bundle = \"$dir/ca.pem\";"
	depth_is "$2 $3"
	until_true 60 always refuses ann
	check_says "$2 is $3, and chains of its clients have" "$bundle"
	depth_is "$2 $4"
	until_true 60 always takes ann
	check_says '' "$bundle"
}

depth_is() { # SETTING
	settings
	sed -i "/_depth\|VerifyDepth/d; s|^ *ssl_verify_client.*|&\n$1;|; s|^SSLVerifyClient.*|&\n$1|" \
		$([ $kind = nginx ] && echo nginx.conf || echo apache.conf)
	reload
}

test_nginx_that_takes_too_few_cas_is_told_of() {
	a_depth_is_told_of nginx ssl_verify_depth 1 2
}

test_apache_that_takes_too_few_cas_is_told_of() {
	a_depth_is_told_of apache SSLVerifyDepth 2 3
}

# -- with one of them --

# Without its list it lets in who was revoked, from its next reload on. The agent gives it back.
test_mosquitto_gets_back_a_list_that_is_lost() {
	asks mosquitto
	expect 0 everleaf ca lab revoke "$(serial_of bob.pem)"
	publish
	start_agent
	until_true 60 everleaf crl --update
	until_true 60 always refuses bob
	rm tls/clients.crl
	reload
	until_true 60 test -e tls/clients.crl
	until_true 60 always refuses bob
	always takes ann
	stop_agent
	kill -0 $server
}


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
