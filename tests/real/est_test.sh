#!/bin/bash
# est: Cisco's EST server, as Debian 13 has it.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../lib_pki.sh"
. "$(dirname "$0")/../lib_est.sh"

is_whole() { # NAME
	local live=$dir/state/live/$1
	openssl verify -CAfile ca.pem -untrusted "$live/fullchain.pem" "$live/cert.pem"
	is "$(openssl x509 -in "$live/cert.pem" -noout -pubkey)" \
		"$(openssl pkey -in "$live/privkey.pem" -pubout)"
}

# For which key the one is that was kept with the key that waits.
kept_request() {
	openssl req -in state/archive/www/.pending -noout -pubkey | sha256sum
}

enrols() { # [OPTIONS of the server]
	find_estserver
	start_estserver "$@"
	corp "$(as_user)"
	expect 0 everleaf renew
	is_whole www
}

test_who_has_a_password_is_given_a_certificate() {
	enrols
	cmp state/live/www/ca.pem ca.pem
	is "" "$(cat state/live/www/chain.pem)"
	is "DNS:www.example.org, IP Address:10.1.2.3" \
		"$(openssl x509 -in state/live/www/cert.pem -noout -ext subjectAltName | sed -n '2s/^ *//p')"
	expect 0 everleaf renew
	is_live_of www 1 1
}

test_the_password_may_be_asked_for_by_digest() {
	enrols -h
}

# A server that takes certificates instead of passwords (-o): no password is sent again.
test_the_live_certificate_has_itself_renewed() {
	local before
	enrols -o
	before=$(asked simpleenroll)
	corp
	expect 0 everleaf renew --force www
	is_live_of www 2 2
	is_whole www
	is "$before 1" "$(asked simpleenroll) $(asked simplereenroll)"
	is 2 "$(cat state/archive/www/*/cert.pem | openssl crl2pkcs7 -nocrl -certfile /dev/stdin |
		openssl pkcs7 -print_certs | grep -c BEGIN)"
}

# A server that takes certificates alone (-n).
test_a_certificate_may_be_who_enrols_first() {
	find_estserver
	start_estserver -n
	openssl_leaf device ca
	chmod 600 device.key
	corp "certificate_file = \"$dir/device.pem\"; key_file = \"$dir/device.key\";"
	expect 0 everleaf renew
	is_whole www
	expect 0 everleaf renew --force www
	is "1 1" "$(asked simpleenroll) $(asked simplereenroll)"
}

# A server that wants a password for everything.
test_where_it_is_not_taken_the_password_is_and_that_is_said() {
	enrols
	expect 0 everleaf renew --force www
	is_live_of www 2 2
	says err "simplereenroll: it does not take the live certificate for its renewal: the CA answers 401"
	says err "enrolled as user estuser again"
	corp
	expect 1 everleaf renew --force www
	says err "there is nobody to enrol as instead"
	is_live_of www 2 2
}

test_what_waits_is_asked_for_again_by_the_same_request() {
	find_estserver
	start_estserver -m 1
	corp "$(as_user)"
	expect 1 everleaf renew
	says err "parked until"
	says err "$url/.well-known/est/simpleenroll: the request waits for approval: the CA answers 202"
	kept_request >first
	expect 0 everleaf renew www
	is_live_of www 1 1
	is_whole www
	is "$(cat first)" "$(openssl pkey -in state/live/www/privkey.pem -pubout | sha256sum)"
}

test_a_wrong_password_is_told() {
	enrols
	corp "$(as_user another)"
	expect 1 everleaf renew --force www
	says err "$url/.well-known/est/simpleenroll: it does not take user and the password in password_file: the CA answers 401"
	is_live_of www 1 1
	rm -rf state
	corp
	expect 1 everleaf renew
	says err "it wants to know who asks: set user and password_file"
}

# A server that takes no other (-t). What waits cannot be the same again, then.
test_a_request_is_bound_to_its_connection_where_that_is_wanted() {
	local how
	find_estserver
	est_ca
	for how in "" -h -o "-m 1"; do
		rm -rf state
		run_estserver -t $how
		corp "$(as_user)"
		everleaf renew >out 2>err || is "-m 1" "$how"
		expect 0 everleaf renew --force www
		is_whole www
		end $server
	done
}

# Its days are over before it is looked at again: it shows itself no more.
test_what_has_expired_is_enrolled_anew_by_the_user() {
	find_estserver
	est_ca
	sed -i 's/^default_days.*/default_enddate = '"$(date -u -d '+30 seconds' +%Y%m%d%H%M%SZ)"'/' ca.cnf
	run_estserver -o
	corp "$(as_user)"
	expect 0 everleaf renew
	is_live_of www 1 1
	sed -i 's/^default_enddate.*/default_days = 2/' ca.cnf
	until_true 120 has_expired
	expect 0 everleaf renew
	is_live_of www 2 2
	is 0 "$(asked simplereenroll)"
}

has_expired() {
	! openssl x509 -in state/live/www/cert.pem -noout -checkend 0
}

# Each by a worker of its own; the second time by the live certificate.
test_a_hundred_are_enrolled_and_renewed_in_one_run() {
	local n=${CERTS-100}
	find_estserver
	start_estserver -o
	config <<-C
	issuers = ( { name = "corp"; type = "est"; url = "$url"; trust = "$dir/ca.pem"; $(as_user) } );
	defaults = { issuer = "corp"; };
	certificates = ( $(for i in $(seq 2 $n); do echo "{ names = \"h$i.example.org\"; },"; done) { names = "h1.example.org"; } );
	C
	expect 0 everleaf renew
	is $n "$(ls state/live | wc -l)"
	expect 0 everleaf renew --force --all
	is $n "$(asked simplereenroll)"
	is $((2 * n)) "$(wc -l <ca.index)"
}

test_a_server_of_another_root_is_refused() {
	enrols
	openssl_ca other
	trust=$dir/other.pem corp "$(as_user)"
	expect 1 everleaf renew --force www
	says err "its root is not in $dir/other.pem: is trust the right file?"
	is_live_of www 1 1
}

test_a_server_is_known_by_the_fingerprint_of_its_root_and_may_change_that() {
	local print
	find_estserver
	start_estserver -o
	print=$(openssl x509 -in ca.pem -outform DER | sha256sum | cut -c 1-64)
	trust=sha256:$print corp "$(as_user)"
	expect 0 everleaf renew
	is_whole www
	cmp ca.pem state/roots/corp.pem
	openssl_ca new
	openssl x509 -req -in new.csr -days 30 -CA ca.pem -CAkey ca.key -out cross.pem -extfile <(
		printf '%s\n' basicConstraints=critical,CA:TRUE keyUsage=critical,keyCertSign,cRLSign \
			subjectKeyIdentifier=hash authorityKeyIdentifier=keyid) 2>/dev/null
	cat ca.pem new.pem cross.pem >cas.pem
	end $server
	cacerts=$dir/cas.pem run_estserver -o
	trust=sha256:$print corp "$(as_user)"
	touch -d '-2 days' state/roots/corp.seen
	expect 0 everleaf renew --force www
	says err "corp: trusted from now on: CN=new"
	cat ca.pem new.pem | cmp - state/roots/corp.pem
	is_live_of www 2 2
}

test_another_fingerprint_than_its_own_is_told() {
	find_estserver
	start_estserver
	trust=sha256:$(echo no | sha256sum | cut -c 1-64) corp "$(as_user)"
	expect 1 everleaf renew
	says err "corp: its roots are not known: $url: none of the roots that it names is accepted: CN=ca (sha256:"
	[ ! -e state/live/www ]
	is 0 "$(asked simpleenroll)"
}

run_tests "$@"
