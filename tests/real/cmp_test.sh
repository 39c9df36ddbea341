#!/bin/bash
# cmp: OpenSSL's own CMP server, and a CA that really signs by OpenSSL's server side.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../lib_pki.sh"
. "$(dirname "$0")/../lib_cmp.sh"

names_of() { # NAME
	openssl x509 -in "$dir/state/live/$1/cert.pem" -noout -ext subjectAltName | sed -n '2s/^ *//p'
}

confirmed() {
	wc -l <"$dir/confirmed"
}

# -- a CA that signs --

test_who_has_the_secret_is_given_a_certificate() {
	start_cmp_ca
	corp
	expect 0 everleaf renew
	is_whole www
	cmp state/live/www/ca.pem ca.pem
	is "" "$(cat state/live/www/chain.pem)"
	is "DNS:www.example.org, IP Address:10.1.2.3" "$(names_of www)"
	is "1 1 1" "$(asked ir) $(asked certConf) $(confirmed)"
	expect 0 everleaf renew
	is_live_of www 1 1
}

test_the_live_certificate_has_itself_renewed_with_another_key() {
	start_cmp_ca
	corp
	expect 0 everleaf renew
	openssl x509 -in state/live/www/cert.pem -noout -subject -ext subjectAltName >was
	openssl x509 -in state/live/www/cert.pem -noout -pubkey >was.key
	expect 0 everleaf renew --force www
	is_live_of www 2 2
	is_whole www
	is "1 1" "$(asked ir) $(asked kur)"
	openssl x509 -in state/live/www/cert.pem -noout -subject -ext subjectAltName | cmp - was
	! openssl x509 -in state/live/www/cert.pem -noout -pubkey | cmp -s - was.key
}

test_other_names_are_enrolled_anew() {
	start_cmp_ca
	corp
	expect 0 everleaf renew
	corp "$(by_secret)" 'names = [ "www.example.org", "api.example.org" ];'
	expect 0 everleaf renew
	is "2 0" "$(asked ir) $(asked kur)"
	is_live_of www 2 2
}

test_the_first_request_is_the_one_that_is_configured() {
	local cmd
	start_cmp_ca
	for cmd in ir cr p10cr; do
		rm -rf state
		corp "$(by_secret) cmd = \"$cmd\";"
		expect 0 everleaf renew
		is_whole www
		is 1 "$(asked $cmd)"
	done
}

test_a_certificate_of_before_may_be_the_first_credential() {
	start_cmp_ca
	corp "$(by_cert)"
	expect 0 everleaf renew
	is_whole www
	corp "$(by_cert other)"
	rm -rf state
	expect 1 everleaf renew
	says err "corp: $url: ir: the CA rejects it"
	[ ! -e state/live/www ]
}

test_every_kind_of_key_is_enrolled_and_renewed() {
	local kind
	start_cmp_ca
	for kind in ecdsa-p384 rsa-2048 ed25519; do
		rm -rf state
		corp "$(by_secret)" "names = \"www.example.org\"; key = \"$kind\";"
		expect 0 everleaf renew
		expect 0 everleaf renew --force www
		is_live_of www 2 2
		is_whole www
	done
	# OpenSSL 3.0 signs no message with an Ed25519 key: that one enrols by the secret again.
	is 6 $(($(asked ir) + $(asked kur)))
}

test_a_request_of_the_users_is_a_p10cr() {
	start_cmp_ca
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout k.pem \
		-subj /CN=own.example.org -addext subjectAltName=DNS:own.example.org -out own.csr
	corp "$(by_secret)" "csr = \"$dir/own.csr\";"
	expect 0 everleaf renew
	expect 0 everleaf renew --force www
	is "2 0" "$(asked p10cr) $(asked kur)"
	is "$(openssl pkey -in k.pem -pubout)" "$(openssl x509 -in state/live/www/cert.pem -noout -pubkey)"
}

test_a_ca_may_confirm_by_itself() {
	start_cmp_ca
	corp "$(by_secret) implicit_confirm = true;" "names = \"www.example.org\";" implicit
	expect 0 everleaf renew
	expect 0 everleaf renew --force www
	is 0 "$(asked certConf)"
	corp "$(by_secret) implicit_confirm = true;" "names = \"www.example.org\";" fine
	expect 0 everleaf renew --force www
	is "1 1" "$(asked certConf) $(confirmed)"
	is_live_of www 3 3
}

test_the_ca_is_named_where_that_is_configured() {
	start_cmp_ca
	corp "$(by_secret) recipient = \"CN=ca\";"
	expect 0 everleaf renew
	is_whole www
}

# Without `trust`: who knows the secret says what to trust.
test_roots_are_asked_for_under_the_secret() {
	start_cmp_ca
	trust= corp
	expect 0 everleaf renew
	is_whole www
	cmp state/live/www/ca.pem ca.pem
	trust= corp
	expect 0 everleaf renew --force www
	is "2 1 1" "$(asked genm) $(asked ir) $(asked kur)"
	trust= corp "$(by_secret)" 'names = "www.example.org";' nogenm
	expect 1 everleaf renew --force www
	says err "it does not tell its roots, set trust"
	is_live_of www 2 2
}

test_an_intermediate_stands_behind_the_leaf() {
	cmp_folder
	mv ca.pem root.pem
	mv ca.key root.key
	openssl_ca ca root
	cmp_leaf srv ca
	run_cmp_ca root.pem
	trust=$dir/root.pem corp
	expect 0 everleaf renew
	expect 0 everleaf renew --force www
	is_whole www root.pem
	cmp state/live/www/chain.pem ca.pem
	trust= corp
	expect 0 everleaf renew --force www
	cmp state/live/www/chain.pem ca.pem
	cmp state/live/www/ca.pem root.pem
}

# -- waiting --

test_what_waits_is_polled_by_whoever_goes_on() {
	start_cmp_ca
	corp "$(by_secret)" 'names = "www.example.org";' wait-2
	SECONDS=0
	expect 0 everleaf renew
	[ $SECONDS -ge 4 ] # it says 1 s, and may for ever
	is_whole www
	is "1 2" "$(asked ir) $(asked pollReq)"
	expect 0 everleaf renew --force www
	is_whole www
	is "1 4" "$(asked kur) $(asked pollReq)"
	is_live_of www 2 2
}

is_polled() { # TIMES
	[ "$(asked pollReq)" -ge "$1" ]
}

test_what_waits_outlives_kill_9() {
	start_cmp_ca
	corp "$(by_secret)" 'names = "www.example.org";' wait-3
	"$BUILD/everleaf" -c everleaf.conf renew >run.out 2>run.err </dev/null &
	run=$!
	until_true 60 is_polled 2
	kill -9 $run $(role agent) $(role keeper)
	wait $run || :
	until_true 60 no_role_is_left
	expect 0 everleaf renew
	is "1 3" "$(asked ir) $(asked pollReq)"
	is_live_of www 1 1
	is_whole www
}

test_a_transaction_that_the_ca_has_forgotten_is_begun_again() {
	start_cmp_ca
	corp "$(by_secret)" 'names = "www.example.org";' forgets
	expect 1 everleaf renew
	says err "$url/forgets: ir: "
	corp
	expect 0 everleaf renew www
	is_whole www
	is_live_of www 1 1
}

# OpenSSL's client would sleep for what is no certificate.
test_what_is_put_off_is_waited_for_where_it_is_a_certificate() {
	case $(openssl version) in
	"OpenSSL 3."[012].*) skip "OpenSSL puts nothing off before 3.3" ;;
	esac
	start_cmp_ca
	corp "$(by_secret)" 'names = "www.example.org";' put-off
	expect 0 everleaf renew
	is_whole www
	is "1 2" "$(asked ir) $(asked pollReq)"
	expect 1 everleaf revoke www
	says err "rr: the CA puts its answer off"
	is "1 2" "$(asked rr) $(asked pollReq)"
}

# -- who asks --

test_a_wrong_secret_is_told() {
	start_cmp_ca
	corp
	expect 0 everleaf renew
	corp "$(by_secret another)" 'names = "other.example.org";'
	expect 1 everleaf renew www
	says err "corp: $url: ir: the CA rejects it: badMessageCheck (it cannot verify who asks: look at reference and secret_file"
	is_live_of www 1 1
}

test_a_busy_server_says_when() {
	start_cmp_ca
	corp "$(by_secret)" 'names = "www.example.org";' 503
	expect 1 everleaf renew
	says err "parked until"
	says err "the CA answers 503"
}

test_what_it_has_said_before_is_no_answer() {
	start_cmp_ca
	corp "$(by_secret)" 'names = "www.example.org";' echo
	expect 1 everleaf renew
	says err "$url/echo: ir: its answer is not to what we have sent"
	[ ! -e state/live/www ]
}

test_who_is_revoked_enrols_by_the_secret_again() {
	start_cmp_ca
	corp
	expect 0 everleaf renew
	expect 0 everleaf revoke www --reason superseded
	is "1 1" "$(asked rr) $(wc -l <revoked)"
	is "$(serial_of state/live/www/cert.pem)" "$(cat revoked)"
	expect 0 everleaf renew www
	is_live_of www 2 2
	is_whole www
}

test_a_revocation_that_waits_is_still_by_the_key_alone() {
	start_cmp_ca
	corp
	expect 0 everleaf renew
	serial_of state/live/www/cert.pem >revoked
	end $server
	expect 1 everleaf revoke www --by-key
	run_cmp_ca
	corp
	expect 1 everleaf renew www
	says err "rr: the CA rejects it: certRevoked"
	is 1 "$(asked rr)"
	expect 0 everleaf revoke www
	is 3 "$(asked rr)"
}

test_a_live_certificate_that_is_rejected_gives_way_to_the_secret() {
	start_cmp_ca
	corp
	expect 0 everleaf renew
	serial_of state/live/www/cert.pem >revoked
	expect 0 everleaf renew --force www
	says err "kur: the CA rejects it: certRevoked (the certificate is revoked): not for"
	says err "enrolled by reference again"
	is_live_of www 2 2
	serial_of state/live/www/cert.pem >revoked
	corp "$(by_cert)"
	expect 0 everleaf renew --force www
	says err "enrolled by certificate_file again"
	is_live_of www 3 3
}

# It begins a minute before it comes: half of its life is over then.
test_what_is_due_when_it_comes_is_not_asked_for_again_at_once() {
	local now
	life=50 start_cmp_ca
	corp
	now=$(date +%s)
	expect 0 everleaf renew
	[ "$(date -d "$(status_of www next_at)" +%s)" -ge $((now + 20)) ]
}

# Its days are over before it is looked at again: it signs no more.
test_what_has_expired_is_enrolled_anew() {
	life=30 start_cmp_ca
	corp
	expect 0 everleaf renew
	is_live_of www 1 1
	end $server
	until_true 120 has_expired
	run_cmp_ca
	corp
	expect 0 everleaf renew
	is_live_of www 2 2
	is "2 0" "$(asked ir) $(asked kur)"
}

has_expired() {
	! openssl x509 -in state/live/www/cert.pem -noout -checkend 0
}

test_a_root_that_is_not_the_cas_is_refused() {
	start_cmp_ca
	corp
	expect 0 everleaf renew
	trust=$dir/other.pem corp
	expect 1 everleaf renew --force www
	says err "kur: its answer is protected neither by our secret nor by a certificate that leads to trust"
	trust=$dir/other.pem corp "$(by_secret)" 'names = "api.example.org";'
	expect 1 everleaf renew www
	says err "ir: the certificate that it sends does not lead to what is trusted: look at trust"
	is_live_of www 1 1
}

test_what_is_missing_is_told_by_check() {
	url=http://127.0.0.1:1
	cmp_folder
	trust= corp "reference = \"web\";"
	expect 2 everleaf check
	says err "everleaf.conf:3: issuers.corp.secret_file: found nothing, expected the secret of reference"
	trust= corp " "
	expect 2 everleaf check
	says err "issuers.corp.reference: found nothing, expected who enrols first"
	says err "issuers.corp.trust: found nothing, expected the CA's roots"
	corp "$(by_secret) recipient = \"ca\"; cmd = \"kur\";"
	expect 2 everleaf check
	says err "issuers.corp.recipient: found \"ca\", expected the CA's name"
	says err "issuers.corp.cmd: found \"kur\", expected one of \"ir\" \"cr\" \"p10cr\""
}

# -- OpenSSL's server --

# What it hands out is for the key of what was given to it: a user's own request.
mock_folder() {
	cmp_folder
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout k.pem \
		-subj /CN=www.example.org -addext subjectAltName=DNS:www.example.org -out own.csr
	openssl x509 -req -in own.csr -CA ca.pem -CAkey ca.key -days 2 -copy_extensions copyall \
		-out issued.pem
}

test_openssls_server_is_understood() {
	mock_folder
	run_mock -srv_ref web -srv_secret pass:s3cret -rsp_cert issued.pem -rsp_capubs ca.pem
	corp "$(by_secret)" "csr = \"$dir/own.csr\";"
	expect 0 everleaf renew
	cmp state/live/www/cert.pem issued.pem
}

test_openssls_server_has_it_wait() {
	mock_folder
	run_mock -srv_ref web -srv_secret pass:s3cret -rsp_cert issued.pem -poll_count 2 -check_after 1
	corp "$(by_secret)" "csr = \"$dir/own.csr\";"
	expect 0 everleaf renew
	cmp state/live/www/cert.pem issued.pem
}

test_openssls_server_rejects_it() {
	mock_folder
	run_mock -srv_ref web -srv_secret pass:s3cret -rsp_cert issued.pem -pkistatus 2 -failure 2 \
		-statusstring "policy says no"
	corp "$(by_secret)" "csr = \"$dir/own.csr\";"
	expect 1 everleaf renew
	says err "p10cr: the CA rejects it: badRequest (it does not permit or support that): policy says no"
}

test_openssls_server_sends_an_error() {
	mock_folder
	run_mock -srv_ref web -srv_secret pass:s3cret -rsp_cert issued.pem -send_error
	corp "$(by_secret)" "csr = \"$dir/own.csr\";"
	expect 1 everleaf renew
	says err "p10cr: the CA rejects it: "
}

test_openssls_server_that_signs_is_believed() {
	mock_folder
	cmp_leaf device ca
	run_mock -srv_cert srv.pem -srv_key srv.key -srv_trusted ca.pem -rsp_cert issued.pem -grant_implicitconf
	corp "$(by_cert) implicit_confirm = true;" "csr = \"$dir/own.csr\";"
	expect 0 everleaf renew
	cmp state/live/www/cert.pem issued.pem
}

# Its certificate is for a key that is not ours.
test_a_certificate_for_another_key_is_not_confirmed() {
	mock_folder
	run_mock -srv_ref web -srv_secret pass:s3cret -rsp_cert issued.pem
	corp
	expect 1 everleaf renew
	says err "ir: the certificate that it sends is not for the key of the request"
	[ ! -e state/live/www ]
}

# -- many --

# Each by a worker of its own; the second time by the live certificate.
test_a_hundred_are_enrolled_and_renewed_in_one_run() {
	local n=${CERTS-100}
	start_cmp_ca
	config <<-C
	issuers = ( { name = "corp"; type = "cmp"; url = "$url"; trust = "$dir/ca.pem"; $(by_secret) } );
	defaults = { issuer = "corp"; };
	certificates = ( $(for i in $(seq 2 $n); do echo "{ names = \"h$i.example.org\"; },"; done) { names = "h1.example.org"; } );
	C
	expect 0 everleaf renew
	is $n "$(ls state/live | wc -l)"
	expect 0 everleaf renew --force --all
	is "$n $n $((2 * n))" "$(asked ir) $(asked kur) $(confirmed)"
}

run_tests "$@"
