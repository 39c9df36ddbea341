#!/bin/bash
# step: smallstep's step-ca, built from Debian's packages.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../lib_pki.sh"
. "$(dirname "$0")/../lib_step.sh"

is_whole() { # NAME
	local live=$dir/state/live/$1
	openssl verify -x509_strict -CAfile root.pem -untrusted "$live/fullchain.pem" "$live/cert.pem"
	is "$(openssl x509 -in "$live/cert.pem" -noout -pubkey)" \
		"$(openssl pkey -in "$live/privkey.pem" -pubout)"
}

key_of() { # GENERATION
	openssl pkey -in state/archive/www/"$(printf %010d "$1")"/privkey.pem -pubout
}

enrols() { # [SETTINGS of the certificate]
	start_step_ca
	corp "$(as_provisioner)" "$@"
	expect 0 everleaf renew
	is_whole www
}

test_who_has_the_password_is_given_a_certificate() {
	enrols
	cmp state/live/www/ca.pem root.pem
	cmp state/live/www/chain.pem inter.pem
	is "DNS:www.example.org, IP Address:10.1.2.3" \
		"$(openssl x509 -in state/live/www/cert.pem -noout -ext subjectAltName | sed -n '2s/^ *//p')"
	is 1 "$(answered 201 sign)"
	expect 0 everleaf renew
	is_live_of www 1 1
}

test_a_server_is_known_by_the_fingerprint_of_its_root() {
	local print
	start_step_ca
	print=$(openssl x509 -in root.pem -outform DER | sha256sum | cut -c 1-64)
	trust=sha256:$print corp "$(as_provisioner)"
	expect 0 everleaf renew
	is_whole www
	cmp root.pem state/roots/corp.pem
	expect 0 everleaf renew --force www
	is_live_of www 2 2
	rm -rf state
	trust=sha256:$(sha256sum <root.pem | cut -c 1-64) corp "$(as_provisioner)"
	expect 1 everleaf renew
	says err "$url"
	is 1 "$(answered 201 sign)"
}

test_the_live_certificate_has_a_new_key_certified() {
	enrols
	echo "not that" >password
	expect 0 everleaf renew --force www
	is_live_of www 2 2
	is_whole www
	[ "$(key_of 1)" != "$(key_of 2)" ]
	is "1 1 0" "$(answered 201 sign) $(answered 201 rekey) $(answered 201 renew)"
}

test_a_key_that_is_used_again_is_renewed() {
	enrols 'names = "www.example.org"; reuse_key = true;'
	expect 0 everleaf renew --force www
	is_live_of www 2 2
	is_whole www
	is "$(key_of 1)" "$(key_of 2)"
	is "1 0 1" "$(answered 201 sign) $(answered 201 rekey) $(answered 201 renew)"
}


test_the_provisioners_key_may_be_in_a_file() {
	start_step_ca
	json encryptedKey <admin.json | secret_file admin.jwe
	corp "$(as_provisioner) key_file = \"$dir/admin.jwe\";"
	expect 0 everleaf renew
	is_whole www
	has_no "path=.*/provisioners" <step.log
}

# The certificate of the host, of a PKI that the provisioner trusts.
test_x5c_vouches_for_a_host() {
	start_step_ca
	openssl_leaf host hosts
	openssl x509 -req -in host.csr -days 2 -CA hosts.pem -CAkey hosts.key -out host.pem \
		-extfile <(echo keyUsage=critical,digitalSignature) 2>/dev/null
	chmod 600 host.key
	corp "provisioner = \"hosts\"; certificate_file = \"$dir/host.pem\"; key_file = \"$dir/host.key\";"
	expect 0 everleaf renew
	is_whole www
	expect 0 everleaf revoke www
	is "1 1" "$(answered 201 sign) $(answered 200 revoke)"
}

test_a_request_of_the_users_is_signed() {
	start_step_ca
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout k.pem \
		-subj /CN=own.example.org -addext subjectAltName=DNS:own.example.org,DNS:b.example.org -out own.csr
	corp "$(as_provisioner)" "csr = \"$dir/own.csr\";"
	expect 0 everleaf renew
	is "$(openssl pkey -in k.pem -pubout)" "$(openssl x509 -in state/live/www/cert.pem -noout -pubkey)"
	expect 0 everleaf renew --force www
	is_live_of www 2 2
	is "2 0" "$(answered 201 sign) $(answered 201 rekey)"
}

test_other_names_are_asked_for_by_the_provisioner() {
	enrols
	corp "$(as_provisioner)" 'names = [ "www.example.org", "b.example.org" ];'
	expect 0 everleaf renew www
	is_live_of www 2 2
	is "2 0" "$(answered 201 sign) $(answered 201 rekey)"
}

# The server counts whole seconds.
has_expired() {
	local end
	end=$(openssl x509 -in state/live/www/cert.pem -noout -enddate)
	[ "$(date +%s)" -gt $(($(date -d "${end#*=}" +%s) + 1)) ]
}

expires() { # PROVISIONER [SETTINGS of the certificate]
	lifetime=20s start_step_ca
	corp "$(as_provisioner "$1")" "${2-names = \"www.example.org\";}"
	expect 0 everleaf renew
	is_live_of www 1 1
	until_true 120 has_expired
	expect 0 everleaf renew
	is_live_of www 2 2
}

test_what_has_expired_vouches_for_the_new_key() {
	expires admin
	is "1 1 1" "$(answered 201 sign) $(answered 201 renew) $(answered 201 rekey)"
	[ "$(key_of 1)" != "$(key_of 2)" ]
}

test_what_has_expired_is_renewed_with_its_key() {
	expires admin 'names = "www.example.org"; reuse_key = true;'
	is "1 1 0" "$(answered 201 sign) $(answered 201 renew) $(answered 201 rekey)"
	is "$(key_of 1)" "$(key_of 2)"
}

test_where_that_is_not_allowed_the_provisioner_is_asked_and_that_is_said() {
	expires strict
	says err "$url/1.0/renew: it does not renew by the key of the live certificate"
	says err 'asked by provisioner "strict" again'
	is "2 0 0" "$(answered 201 sign) $(answered 201 renew) $(answered 201 rekey)"
}

# By the live certificate in the handshake, as a peer of the server would see it.
renews_by_itself() {
	curl -s --cacert root.pem --cert state/live/www/fullchain.pem --key state/live/www/privkey.pem \
		-o /dev/null -w '%{http_code}' -X POST "$url/1.0/renew"
}

test_what_is_revoked_cannot_be_renewed_and_is_asked_for_anew() {
	enrols
	is 201 "$(renews_by_itself)"
	expect 0 everleaf revoke www --reason superseded
	is 401 "$(renews_by_itself)"
	expect 0 everleaf renew www
	is_live_of www 2 2
	is "2 0" "$(answered 201 sign) $(answered 201 rekey)"
}

test_it_revokes_itself() {
	enrols
	echo "not that" >password
	expect 1 everleaf revoke www
	says err "the password does not open it"
	expect 0 everleaf revoke www --by-key
	is 401 "$(renews_by_itself)"
}

# The server has another PKI since: it ends the handshake by an alert, and no HTTP comes.
test_what_is_not_taken_in_the_handshake_is_asked_for_anew_and_that_is_said() {
	enrols
	end $server
	mv root.pem old.pem
	openssl_ca root
	openssl_ca inter root
	run_step_ca
	cat old.pem root.pem >both.pem
	trust=$dir/both.pem corp "$(as_provisioner)"
	expect 0 everleaf renew --force www
	is_live_of www 2 2
	is_whole www
	says err 'asked by provisioner "admin" again'
	is "2 0" "$(answered 201 sign) $(answered 201 rekey)"
}

# By somebody else, and everleaf does not know.
test_what_the_ca_takes_no_more_is_replaced_and_that_is_said() {
	enrols
	cp -a state kept
	expect 0 everleaf revoke www
	rm -r state
	mv kept state
	expect 0 everleaf renew --force www
	is_live_of www 2 2
	says err "$url/1.0/renew: it does not renew by the key of the live certificate"
	says err 'asked by provisioner "admin" again'
}

test_a_wrong_password_is_told() {
	start_step_ca
	corp "$(as_provisioner admin another)"
	expect 1 everleaf renew
	says err "provisioner \"admin\": password_file $dir/password: the password does not open it"
	is 0 "$(answered 401 sign)"
	corp "$(as_provisioner)"
	expect 0 everleaf renew www
	is_whole www
}

test_a_wrong_provisioner_is_told_with_those_that_there_are() {
	start_step_ca
	corp "$(as_provisioner amdin)"
	expect 1 everleaf renew
	says err "$url: the CA has no provisioner \"amdin\"; it has: admin, strict, hosts"
	corp "$(as_provisioner hosts)"
	expect 1 everleaf renew www
	says err "provisioner \"hosts\": the CA has no key for it, which is of type X5C: set key, and certificate"
}

test_a_key_that_is_not_the_provisioners_is_told() {
	start_step_ca
	openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 | secret_file other.key
	corp "provisioner = \"admin\"; key_file = \"$dir/other.key\";"
	expect 1 everleaf renew
	says err "$url/1.0/sign: it does not take the token: look whether the provisioner has this key"
	[ ! -e state/live/www ]
}

test_a_server_of_another_root_is_refused() {
	enrols
	openssl_ca other
	trust=$dir/other.pem corp "$(as_provisioner)"
	expect 1 everleaf renew --force www
	says err "its root is not in $dir/other.pem: is trust the right file?"
	is_live_of www 1 1
}

test_a_server_that_is_away_is_asked_again() {
	enrols
	end $server
	expect 1 everleaf renew --force www
	says err "127.0.0.1:$port"
	is_live_of www 1 1
}

# Each by a worker of its own; the second time by the live certificate.
test_a_hundred_are_signed_and_renewed_in_one_run() {
	local n=${CERTS-100}
	start_step_ca
	config <<-C
	issuers = ( { name = "corp"; type = "step"; url = "$url"; trust = "$dir/root.pem"; $(as_provisioner) } );
	defaults = { issuer = "corp"; };
	certificates = ( $(for i in $(seq 2 $n); do echo "{ names = \"h$i.example.org\"; },"; done) { names = "h1.example.org"; } );
	C
	expect 0 everleaf renew
	is $n "$(ls state/live | wc -l)"
	is $n "$(answered 201 sign)"
	expect 0 everleaf renew --force --all
	is $n "$(answered 201 rekey)"
}

# What step-ca publishes at its insecureAddress, since 0.23.
test_the_list_of_the_ca_is_one_of_crls() {
	local lists
	free_port
	lists=$port
	enrols
	curl -sf -o /dev/null "$(list_url)" || skip "this step-ca publishes no list"
	mkdir lists
	! is_root || chown 61002 lists
	cat >>everleaf.conf <<-C
	crls = ( { name = "corp"; url = "$(list_url)"; ca = "$dir/inter.pem"; allow_local = true;
	  files = ( { path = "$dir/lists/corp.crl"; } ); } );
	C
	expect 0 everleaf crl --update
	cat root.pem inter.pem lists/corp.crl >trusted.pem
	openssl verify -crl_check -CAfile trusted.pem state/live/www/cert.pem
	expect 0 everleaf revoke www
	expect 0 everleaf crl --update
	openssl crl -in lists/corp.crl -noout -text >crl.txt
	says crl.txt "$(serial_of state/live/www/cert.pem)"
}

run_tests "$@"
