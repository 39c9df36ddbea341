#!/bin/bash
# cfssl: CFSSL's own server, as this Debian has it, and 1.6 where that is another one.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../lib_cfssl.sh"

is_whole() { # NAME ANCHORS: pair, chain and dates of what is live
	local live=$dir/state/live/$1
	openssl verify -x509_strict -CAfile "$2" -untrusted "$live/fullchain.pem" "$live/cert.pem"
	is "$(openssl x509 -in "$live/cert.pem" -noout -pubkey)" \
		"$(openssl pkey -in "$live/privkey.pem" -pubout)"
}

names_of() { # NAME
	openssl x509 -in "$dir/state/live/$1/cert.pem" -noout -ext subjectAltName |
		sed -n '2s/ //gp'
}

lifetime_of() { # NAME: hours
	local from to
	from=$(openssl x509 -in "$dir/state/live/$1/cert.pem" -noout -startdate)
	to=$(openssl x509 -in "$dir/state/live/$1/cert.pem" -noout -enddate)
	echo $((($(date -d "${to#*=}" +%s) - $(date -d "${from#*=}" +%s)) / 3600))
}

serial_of() { # NAME
	openssl x509 -in "$dir/state/live/$1/cert.pem" -noout -serial | sed 's/.*=//'
}

signs_and_renews() {
	start_cfssl
	corp
	expect 0 everleaf renew
	is_whole www ca/ca.pem
	is "DNS:www.example.org,IPAddress:10.1.2.3" "$(names_of www)"
	is 24 "$(lifetime_of www)"
	cmp state/live/www/ca.pem ca/ca.pem
	expect 0 everleaf renew
	is_live_of www 1 1
	expect 0 everleaf renew --force www
	is_live_of www 2 2
	is_whole www ca/ca.pem
}

test_a_certificate_is_signed_and_renewed() {
	find_cfssl
	signs_and_renews
}

test_1_6_signs_and_renews() {
	find_new_cfssl
	signs_and_renews
}

grants_what_the_profile_says() {
	start_cfssl
	corp 'profile = "peer";' 'names = "www.example.org"; usage = [ "server", "client" ];'
	expect 0 everleaf renew
	is 48 "$(lifetime_of www)"
	is_whole www ca/ca.pem
}

test_a_profile_says_what_is_granted() {
	find_cfssl
	grants_what_the_profile_says
}

test_1_6_grants_what_the_profile_says() {
	find_new_cfssl
	grants_what_the_profile_says
}

# The server itself says nothing, and signs by its default.
test_a_profile_that_there_is_not_is_refused() {
	find_cfssl
	start_cfssl
	corp 'profile = "servre";'
	expect 1 everleaf renew
	says err 'corp: profile "servre"'
	says err "it has no such profile"
	is 0 "$(asked sign)"
	corp 'profile = "server";'
	expect 0 everleaf renew www
	is 72 "$(lifetime_of www)"
}

authenticates() {
	start_cfssl
	corp "profile = \"guarded\"; auth_key_file = \"$(auth_key_file)\";"
	expect 0 everleaf renew
	is 96 "$(lifetime_of www)"
	is 1 "$(asked authsign)"
	is 0 "$(asked sign)"
}

test_what_a_key_is_wanted_for_is_authenticated() {
	find_cfssl
	authenticates
}

test_1_6_takes_what_is_authenticated() {
	find_new_cfssl
	authenticates
}

refuses_the_key() {
	start_cfssl
	corp 'profile = "guarded";'
	expect 1 everleaf renew
	says err "$url/api/v1/cfssl/sign: the CA answers 400: authentication required: this profile wants auth_key_file"
	corp "profile = \"guarded\"; auth_key_file = \"$(auth_key_file deadbeef)\";"
	expect 1 everleaf renew www
	says err "$url/api/v1/cfssl/authsign: the CA answers 400: invalid token: the key in auth_key_file is not the one"
	corp "profile = \"guarded\"; auth_key_file = \"$(auth_key_file "not hex")\";"
	expect 1 everleaf renew www
	says err "auth_key_file $dir/auth.key is not a key in hex"
}

test_a_key_that_is_wrong_or_missing_is_told() {
	find_cfssl
	refuses_the_key
}

test_1_6_tells_a_key_that_is_wrong_or_missing() {
	find_new_cfssl
	refuses_the_key
}

test_by_https_the_server_has_to_be_trusted() {
	find_cfssl
	start_tls_cfssl ca
	corp
	expect 1 everleaf renew
	says err "127.0.0.1:$port"
	is 0 "$(asked sign)"
	corp "trust = \"$dir/ca/ca.pem\";"
	expect 0 everleaf renew www
	is_whole www ca/ca.pem
}

# The server's own certificate may be of another CA: then both are trusted.
test_what_is_issued_has_to_lead_to_what_is_trusted() {
	find_cfssl
	start_tls_cfssl other
	corp "trust = \"$dir/ca/other.pem\";"
	expect 1 everleaf renew
	says err "corp, with trust $dir/ca/other.pem: verify www: trust: certificate 1"
	[ ! -e state/live/www ]
	cat ca/other.pem ca/ca.pem >ca/both.pem
	corp "trust = \"$dir/ca/both.pem\";"
	expect 0 everleaf renew www
	is_whole www ca/ca.pem
	url=${url/127.0.0.1/localhost}
	corp "trust = \"$dir/ca/ca.pem\";"
	expect 1 everleaf renew --force www
	is_live_of www 1 1
}

test_a_wrong_root_is_refused_without_tls_too() {
	find_cfssl
	start_cfssl
	corp
	expect 0 everleaf renew
	cfssl_ca other
	corp "trust = \"$dir/ca/other.pem\";"
	expect 1 everleaf renew --force www
	says err "corp, with trust $dir/ca/other.pem: verify www: trust: certificate 1"
	is_live_of www 1 1
	corp "trust = \"$dir/ca/profiles.json\";"
	expect 1 everleaf renew --force www
	says err "trust $dir/ca/profiles.json: no certificate in it"
	is_live_of www 1 1
}

# Of each kind of server: one that makes bundles, one that names itself alone.
an_intermediate_stands_behind_the_leaf() { # [OPTIONS of serve]
	run_cfssl low "$@"
	corp "trust = \"$dir/ca/ca.pem\";"
	expect 0 everleaf renew --force www
	is_whole www ca/ca.pem
}

test_an_intermediate_stands_behind_the_leaf() {
	find_cfssl
	cfssl_ca
	cfssl_profiles >"$dir/ca/profiles.json"
	cfssl_ca low ca
	an_intermediate_stands_behind_the_leaf
	cmp state/live/www/chain.pem ca/low.pem
	corp
	expect 0 everleaf renew --force www
	cmp state/live/www/ca.pem ca/low.pem
	an_intermediate_stands_behind_the_leaf -ca-bundle "$dir/ca/ca.pem" -int-bundle "$dir/ca/low.pem"
	cmp state/live/www/chain.pem ca/low.pem
}

test_intermediates_between_come_from_the_bundle() {
	find_new_cfssl
	cfssl_ca
	cfssl_profiles >"$dir/ca/profiles.json"
	cfssl_ca high ca
	cfssl_ca low high
	cat ca/low.pem ca/high.pem >ca/between.pem
	an_intermediate_stands_behind_the_leaf -ca-bundle "$dir/ca/ca.pem" -int-bundle "$dir/ca/between.pem"
	cmp state/live/www/chain.pem ca/between.pem
}

test_another_ca_at_the_server_is_followed() {
	find_cfssl
	start_cfssl
	corp
	expect 0 everleaf renew
	end $server
	cfssl_ca next
	run_cfssl next
	corp
	expect 0 everleaf renew --force www
	is_whole www ca/next.pem
	cmp state/live/www/ca.pem ca/next.pem
}

# www holds the roots of corp in bundle.pem.
trusts() { # TRUST
	corp "trust = \"$1\";" \
		"names = \"www.example.org\"; files = ( { path = \"$dir/etc/bundle.pem\"; content = \"ca\"; } );"
}

fingerprint() { # FILE
	openssl x509 -in "$1" -outform DER | sha256sum | cut -d ' ' -f 1
}

# It has nobody sign its successor: a person has to say that it is the right one.
test_a_root_is_known_by_its_fingerprint_and_no_other_one_is_taken_for_it() {
	find_cfssl
	mkdir etc
	start_cfssl
	trusts "sha256:$(fingerprint ca/ca.pem)"
	expect 0 everleaf renew
	is_whole www ca/ca.pem
	cmp state/roots/corp.pem ca/ca.pem
	cmp etc/bundle.pem ca/ca.pem
	end $server
	cfssl_ca next
	run_cfssl next
	trusts "sha256:$(fingerprint ca/ca.pem)"
	touch -d '-2 days' state/roots/corp.seen
	expect 1 everleaf renew --force www
	says err "corp names a root that is refused: "
	says err "(sha256:$(fingerprint ca/next.pem)): no root that is trusted so far has signed it"
	cmp etc/bundle.pem ca/ca.pem
	is_live_of www 1 1
	trusts "sha256:$(fingerprint ca/next.pem)"
	touch -d '-2 days' state/roots/corp.seen
	expect 0 everleaf renew --force www
	is_live_of www 2 2
	is_whole www ca/next.pem
	is 2 "$(grep -c BEGIN etc/bundle.pem)"
}

test_the_root_above_an_intermediate_comes_from_the_bundle() {
	find_cfssl
	mkdir etc
	cfssl_ca
	cfssl_profiles >"$dir/ca/profiles.json"
	cfssl_ca low ca
	run_cfssl low -ca-bundle "$dir/ca/ca.pem" -int-bundle "$dir/ca/low.pem"
	trusts "sha256:$(fingerprint ca/ca.pem)"
	expect 0 everleaf renew
	cmp etc/bundle.pem ca/ca.pem
	is_whole www ca/ca.pem
	end $server
	run_cfssl low
	trusts "sha256:$(fingerprint ca/ca.pem)"
	touch -d '-2 days' state/roots/corp.seen
	expect 0 everleaf renew
	says err "its CA is no root, and it makes no bundle that names one: let trust name a file with it"
	cmp etc/bundle.pem ca/ca.pem
}

test_a_request_of_the_users_is_signed() {
	find_cfssl
	start_cfssl
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout k.pem \
		-subj /CN=own.example.org -addext subjectAltName=DNS:own.example.org -out own.csr
	corp "" "csr = \"$dir/own.csr\";"
	expect 0 everleaf renew
	is "DNS:own.example.org" "$(names_of www)"
	is "$(openssl pkey -in k.pem -pubout)" "$(openssl x509 -in state/live/www/cert.pem -noout -pubkey)"
}

test_a_server_that_is_away_is_asked_again() {
	find_cfssl
	start_cfssl
	corp
	expect 0 everleaf renew
	end $server
	expect 1 everleaf renew --force www
	says err "127.0.0.1:$port"
	is_live_of www 1 1
}

test_a_hundred_are_signed_in_one_run() {
	find_cfssl
	start_cfssl
	config <<-C
	issuers = ( { name = "corp"; type = "cfssl"; url = "$url"; } );
	defaults = { issuer = "corp"; };
	certificates = ( $(printf '{ names = "h%d.example.org"; },' {1..99}) { names = "h100.example.org"; } );
	C
	expect 0 everleaf renew
	is 100 "$(ls state/live | wc -l)"
	is 100 "$(asked sign)"
}

revoke_www() {
	corp
	expect 0 everleaf renew
}

test_1_6_revokes_where_it_keeps_a_list() {
	find_new_cfssl
	start_recording_cfssl
	revoke_www
	serial_of www >serial
	expect 0 everleaf revoke www --reason superseded
	curl -sf "$url/api/v1/cfssl/crl" | json result | base64 -d >crl.der
	openssl crl -inform DER -in crl.der -noout -text >crl.txt
	says crl.txt "$(cat serial)"
	mkdir lists
	! is_root || chown 61002 lists
	cat >>everleaf.conf <<-C
	crls = ( { name = "corp"; url = "$url/api/v1/cfssl/crl"; ca = "$dir/ca/ca.pem"; allow_local = true;
	  files = ( { path = "$dir/lists/corp.crl"; } ); } );
	C
	expect 0 everleaf crl --update
	openssl crl -in lists/corp.crl -noout -CAfile ca/ca.pem
	openssl crl -in lists/corp.crl -noout -text >crl.txt
	says crl.txt "$(cat serial)"
	is 4 "$(python3 -c 'import sqlite3, sys
print(*sqlite3.connect(sys.argv[1]).execute("SELECT reason FROM certificates WHERE status = \"revoked\"").fetchone())' ca.db)"
	expect 0 everleaf renew www
	is_live_of www 2 2
}

test_one_that_keeps_no_list_says_so() {
	find_cfssl
	start_cfssl
	revoke_www
	expect 1 everleaf revoke www
	says err "$url has no revoke: cfssl serve revokes nothing without a database"
	is_live_of www 1 1
}

run_tests "$@"
