#!/bin/bash
# est: what an EST server may answer, and who it may turn away. One that is real is asked in
# real/est_test.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../lib_pki.sh"
. "$(dirname "$0")/../lib_est.sh"

run_faults() { # [ROOT of certificates that it takes]
	free_port
	"$root/tests/tools/est_faults" "$dir" $port "$@" >>est.log 2>&1 &
	server=$!
	started $server
	until_true 60 is_answering $port
	host=https://127.0.0.1:$port
}

# From now on it errs as LABEL says.
errs() { # LABEL [SETTINGS of the issuer]
	url=$host/.well-known/est/$1
	corp "${2-$(as_user)}"
}

start() {
	est_ca
	run_faults
	errs fine
	expect 0 everleaf renew
	is_live_of www 1 1
}

test_a_renewal_has_the_subject_and_another_key_of_what_is_live() {
	start
	openssl x509 -in state/live/www/cert.pem -noout -subject -ext subjectAltName >was
	openssl x509 -in state/live/www/cert.pem -noout -pubkey >was.key
	errs fine ""
	expect 0 everleaf renew --force www
	openssl x509 -in state/live/www/cert.pem -noout -subject -ext subjectAltName | cmp - was
	! openssl x509 -in state/live/www/cert.pem -noout -pubkey | cmp -s - was.key
	is "simplereenroll fine www.example.org -" "$(tail -n 1 est.asked | cut -d ' ' -f 1-4)"
}

test_a_certificate_that_is_refused_gives_way_to_the_user() {
	start
	errs refuses
	expect 0 everleaf renew --force www
	says err "simplereenroll: the CA answers 403: not by that certificate: enrolled as user estuser again"
	is_live_of www 2 2
}

# By an alert in TLS, which may be lost with the connection, and not by an answer.
test_one_that_tls_refuses_gives_way_to_the_user() {
	start
	end $server
	openssl_ca other
	run_faults "$dir/other.pem"
	errs fine
	expect 0 everleaf renew --force www
	says err "enrolled as user estuser again"
	is_live_of www 2 2
	errs fine ""
	expect 1 everleaf renew --force www
	says err "$host"
	is_live_of www 2 2
}

test_other_names_are_enrolled_anew() {
	start
	corp "$(as_user)" 'names = [ "www.example.org", "api.example.org" ];'
	expect 0 everleaf renew
	is "simpleenroll fine - estuser" "$(tail -n 1 est.asked | cut -d ' ' -f 1-4)"
	is_live_of www 2 2
}

test_what_waits_is_sent_again_byte_for_byte() {
	start
	errs wait
	expect 1 everleaf renew --force www
	says err "the request waits for approval"
	is_live_of www 1 1
	expect 0 everleaf renew www
	is_live_of www 2 2
	is 1 "$(tail -n 2 est.asked | sort -u | wc -l)"
}

# What an issuer is told of who enrols first: a certificate of CA, FROM a moment UNTIL another.
by_certificate() { # CA [UNTIL]
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout first.key \
		-subj "/CN=device 7" -out first.csr 2>/dev/null
	openssl x509 -req -in first.csr -CA "$1.pem" -CAkey "$1.key" -days "${2-2}" -out first.pem 2>/dev/null
	chmod 600 first.key
	echo "certificate_file = \"$dir/first.pem\"; key_file = \"$dir/first.key\";"
}

test_a_certificate_may_be_who_enrols_first() {
	est_ca
	run_faults
	errs fine "$(by_certificate ca)"
	expect 0 everleaf renew
	is "simpleenroll fine device 7" "$(tail -n 1 est.asked | cut -d ' ' -f 1-4)"
	expect 0 everleaf renew --force www
	is "simplereenroll fine www.example.org -" "$(tail -n 1 est.asked | cut -d ' ' -f 1-4)"
	errs refuses "$(by_certificate ca)"
	expect 0 everleaf renew --force www
	says err "not by that certificate: enrolled by certificate_file again"
}

# Turned away by an alert in TLS; and a key that is another one's is noticed before.
test_a_certificate_that_is_no_good_is_told() {
	est_ca
	openssl_ca other
	TLS=TLSv1_2 run_faults
	errs fine "$(by_certificate other)"
	expect 1 everleaf renew
	says err "certificate_file: $host: it does not take our certificate"
	# shellcheck disable=SC2046
	openssl x509 -req -in first.csr -CA ca.pem -CAkey ca.key $(ended) -out first.pem 2>/dev/null
	expect 1 everleaf renew --force www
	says err "certificate_file: $host: it does not take our certificate"
	openssl x509 -req -in first.csr -CA ca.pem -CAkey ca.key -days 2 -out first.pem 2>/dev/null
	openssl ecparam -name prime256v1 -genkey -noout >first.key
	expect 1 everleaf renew --force www
	says err "certificate_file"
	echo junk >first.key
	expect 1 everleaf renew --force www
	says err "certificate_file"
	[ ! -e state/live/www ]
}

test_what_the_server_wants_in_a_request_is_in_it() {
	start
	errs usages
	expect 0 everleaf renew --force www
	openssl req -inform DER -in est.csr -noout -text >csr
	says csr "Digital Signature, Key Encipherment"
	says csr "TLS Web Server Authentication, TLS Web Client Authentication"
	says csr "DNS:www.example.org, IP Address:10.1.2.3"
	errs nothing
	expect 0 everleaf renew --force www
	openssl req -inform DER -in est.csr -noout -text >csr
	has_no "Digital Signature" <csr
	is_live_of www 3 3
}

test_a_request_may_be_bound_to_its_connection() {
	est_ca
	TLS=TLSv1_2 run_faults
	errs bound
	expect 0 everleaf renew
	expect 0 everleaf renew --force www
	is_live_of www 2 2
}

test_a_busy_server_says_when() {
	start
	errs 503
	expect 1 everleaf renew --force www
	says err "parked until"
	says err "the CA answers 503: full"
	is_live_of www 1 1
}

run_tests "$@"
