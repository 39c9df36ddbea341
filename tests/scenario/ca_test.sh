#!/bin/bash
# ca: the embedded CA from the command line, judged by openssl.
. "$(dirname "$0")/../lib.sh"

lab() { # [SETTINGS]
	config <<-C
	issuers = ( { name = "lab"; type = "local"; subject = "CN=Lab CA,O=Example"; ${1-} } );
	certificates = ( { name = "www"; names = "localhost"; issuer = "lab"; } );
	C
}

request() { # NAMES: as openssl wants them, in $dir/request.pem
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout request.key \
		-subj /CN=ignored ${1:+-addext "subjectAltName=$1"} -out request.pem 2>/dev/null
}

serial_of() { # FILE
	openssl x509 -in "$1" -noout -serial | sed 's/.*=//'
}

revoked() { # prints the serials of $dir/crl.pem
	openssl crl -in crl.pem -noout -text | sed -n 's/ *Serial Number: //p'
}

test_init_makes_the_root_once() {
	lab
	expect 0 everleaf ca lab init
	says out "$dir/state/ca/lab/root.pem"
	openssl verify -x509_strict -CAfile state/ca/lab/root.pem state/ca/lab/root.pem
	openssl x509 -in state/ca/lab/root.pem -noout -subject -nameopt RFC2253 | has 'CN=Lab CA,O=Example'
	cp state/ca/lab/root.pem before
	expect 0 everleaf ca lab init
	cmp before state/ca/lab/root.pem
}

test_its_key_is_for_the_keeper_only() {
	lab
	expect 0 everleaf ca lab init
	is 600 "$(stat -c %a state/ca/lab/root.key)"
	! is_root || is 61002 "$(stat -c %u state/ca/lab/root.key)"
}

test_a_csr_is_signed_with_the_names_that_it_asks_for() {
	lab
	request DNS:app.example.org,DNS:www.example.org,IP:192.0.2.7
	expect 0 everleaf ca lab sign request.pem
	openssl verify -x509_strict -CAfile state/ca/lab/root.pem out
	is "$(openssl pkey -in request.key -pubout)" "$(openssl x509 -in out -noout -pubkey)"
	openssl x509 -in out -noout -ext subjectAltName >san
	says san DNS:app.example.org
	says san DNS:www.example.org
	says san "IP Address:192.0.2.7"
	openssl x509 -in out -noout -subject | has_no ignored
}

test_a_csr_may_come_on_standard_input() {
	local status=0
	lab
	request DNS:app.example.org
	everleaf ca lab sign - <request.pem >signed.pem || status=$?
	is 0 $status
	openssl verify -CAfile state/ca/lab/root.pem signed.pem
}

test_a_csr_that_is_none_or_asks_for_nothing_is_refused() {
	lab
	echo nonsense >request.pem
	expect 2 everleaf ca lab sign request.pem
	says err "not a CSR"
	expect 2 everleaf ca lab sign nowhere.pem
	request
	expect 2 everleaf ca lab sign request.pem
	says err "no subject alternative name"
}

test_with_an_intermediate_the_chain_leads_to_the_root() {
	lab 'intermediate = true; path_length = 1;'
	expect 0 everleaf renew
	openssl verify -x509_strict -CAfile state/ca/lab/root.pem -untrusted state/live/www/chain.pem \
		state/live/www/cert.pem
	cmp state/live/www/chain.pem state/ca/lab/intermediate.pem
	not openssl verify -CAfile state/ca/lab/root.pem state/live/www/cert.pem 2>/dev/null
	openssl x509 -in state/ca/lab/root.pem -noout -ext basicConstraints | has pathlen:1
}

test_the_crl_names_what_was_revoked() {
	lab
	expect 0 everleaf renew
	expect 0 everleaf ca lab crl
	cp out crl.pem
	openssl crl -in crl.pem -noout -CAfile state/ca/lab/root.pem -verify
	is "" "$(revoked)"
	expect 0 everleaf ca lab revoke "$(serial_of state/live/www/cert.pem)" --reason 1
	expect 0 everleaf ca lab crl
	cp out crl.pem
	openssl crl -in crl.pem -noout -CAfile state/ca/lab/root.pem -verify
	is "$(serial_of state/live/www/cert.pem)" "$(revoked)"
	openssl crl -in crl.pem -noout -text | has 'Key Compromise'
	not openssl verify -crl_check -CRLfile crl.pem -CAfile state/ca/lab/root.pem state/live/www/cert.pem
	cmp crl.pem state/ca/lab/crl.pem
	openssl crl -in state/ca/lab/crl.der -inform DER | cmp - crl.pem
}

test_a_crl_number_only_rises() {
	local first
	lab
	expect 0 everleaf ca lab crl
	first=$(openssl crl -in out -noout -crlnumber)
	expect 0 everleaf renew
	expect 0 everleaf ca lab revoke "$(serial_of state/live/www/cert.pem)"
	expect 0 everleaf ca lab crl
	[[ $(openssl crl -in out -noout -crlnumber) > $first ]]
}

test_a_serial_that_is_none_is_refused() {
	lab
	expect 0 everleaf ca lab init
	expect 2 everleaf ca lab revoke xyz
	says err "no serial number"
	expect 0 everleaf ca lab crl
	cp out crl.pem
	is "" "$(revoked)"
}

test_where_the_crl_is_stands_in_the_certificates() {
	lab 'crl_url = "http://ca.lab.example/lab.crl";'
	expect 0 everleaf renew
	openssl x509 -in state/live/www/cert.pem -noout -ext crlDistributionPoints | has http://ca.lab.example/lab.crl
}

test_name_constraints_are_kept() {
	lab 'permitted = [ "example.org" ];'
	request DNS:app.example.org
	expect 0 everleaf ca lab sign request.pem
	openssl verify -x509_strict -CAfile state/ca/lab/root.pem out
	request DNS:app.example.com
	expect 1 everleaf ca lab sign request.pem
	says err "name constraints"
	openssl x509 -in state/ca/lab/root.pem -noout -ext nameConstraints | has example.org
}

test_a_lifetime_is_kept() {
	lab 'lifetime = "1h";'
	expect 0 everleaf renew
	openssl x509 -in state/live/www/cert.pem -noout -checkend 3000
	not openssl x509 -in state/live/www/cert.pem -noout -checkend 3700
}

test_names_and_words_that_are_none_are_refused() {
	lab
	expect 4 everleaf ca nobody init
	expect 2 everleaf ca letsencrypt init
	says err "not an embedded CA"
	expect 2 everleaf ca lab
	expect 2 everleaf ca lab dance
	[ ! -e state/ca/lab ]
}

test_every_issue_has_another_serial_of_128_bits() {
	local i
	lab
	expect 0 everleaf renew
	for i in 1 2 3; do
		expect 0 everleaf renew --force www
		serial_of state/live/www/cert.pem >>serials
	done
	is 3 "$(sort -u serials | wc -l)"
	awk 'length($0) < 30 { exit 1 }' serials
}

run_tests "$@"
