#!/bin/bash
# ca_certificates: hooks/ca-certificates and Debian's update-ca-certificates, in folders of the
# test's own: what a host trusts follows the roots of a CA.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../lib_pki.sh"
. "$(dirname "$0")/../lib_est.sh"
. "$(dirname "$0")/../lib_roots.sh"

PATH=$PATH:/usr/sbin
hook=$root/hooks/ca-certificates

folders() {
	command -v update-ca-certificates >/dev/null || skip "ca-certificates is not installed"
	mkdir local etc
	: >certs.conf
	options=(--certsconf "$dir/certs.conf" --certsdir "$dir/none" --localcertsdir "$dir/local"
		--etccertsdir "$dir/etc" --hooksdir "$dir/none")
}

takes_up() {
	"$hook" run "${options[@]}" >hook.out 2>hook.err
}

# By the bundle, and by the folder as OpenSSL looks there.
trusts_leaf() { # LEAF
	openssl verify -CAfile etc/ca-certificates.crt "$1.pem" && openssl verify -no-CAfile -CApath etc "$1.pem"
}

# By neither.
refuses_leaf() { # LEAF
	if openssl verify -CAfile etc/ca-certificates.crt "$1.pem" ||
		openssl verify -no-CAfile -CApath etc "$1.pem"; then
		return 1
	fi
}

test_each_root_of_a_bundle_is_trusted_by_itself() {
	folders
	openssl_ca one
	openssl_ca two
	openssl_leaf a one
	openssl_leaf b two
	cat one.pem two.pem >local/corp.pem
	"$hook" test "${options[@]}"
	takes_up
	trusts_leaf a
	trusts_leaf b
	is 2 "$(find local -name '*.crt' | wc -l)"
	is 1 "$(ls -A local | grep -vc crt)" # and nothing else is left
	is 2 "$(grep -c BEGIN etc/ca-certificates.crt)"
	has_no skipping <hook.err
}

test_what_goes_is_trusted_no_more_and_what_others_put_there_stays() {
	folders
	openssl_ca one
	openssl_ca two
	openssl_ca theirs
	openssl_leaf a one
	openssl_leaf b two
	openssl_leaf c theirs
	cp theirs.pem local/theirs.crt
	cat one.pem two.pem >local/corp.pem
	takes_up
	cp two.pem local/corp.pem
	takes_up
	refuses_leaf a
	trusts_leaf b
	trusts_leaf c
	cp one.pem local/corp.pem # the same file, another root
	takes_up
	trusts_leaf a
	refuses_leaf b
}

test_what_is_not_there_is_told() {
	folders
	rmdir local
	local status=0
	"$hook" test "${options[@]}" 2>err || status=$?
	is "1 $dir/local is not there" "$status $(cat err)"
	status=0
	"$hook" stop 2>err || status=$?
	is "2 usage: ca-certificates test|run [OPTION OF update-ca-certificates]..." "$status $(cat err)"
}

test_a_host_trusts_what_its_ca_names_now() {
	folders
	est_ca
	free_port
	"$root/tests/tools/est_faults" "$dir" $port >>est.log 2>&1 &
	server=$!
	started $server
	until_true 60 is_answering $port
	config <<-C
	issuers = ( { name = "corp"; type = "est"; url = "https://127.0.0.1:$port/.well-known/est/fine";
	  trust = "sha256:$(fingerprint ca)"; $(as_user) } );
	defaults = { issuer = "corp"; };
	hooks = ( { name = "trust"; test = [ "$hook", "test", "--localcertsdir", "$dir/local" ];
	  run = [ "$hook", "run", $(printf '"%s", ' "${options[@]}" | sed 's/, $//') ]; } );
	certificates = ( { name = "www"; names = [ "www.example.org" ]; hooks = "trust";
	  files = ( { path = "$dir/local/corp.pem"; content = "ca"; } ); } );
	C
	expect 0 everleaf renew
	cp state/live/www/cert.pem first.pem
	trusts_leaf first
	new_root new ca cross
	cat ca.pem new.pem cross.pem >cas.pem
	openssl_leaf later new
	long_ago
	expect 0 everleaf renew
	trusts_leaf first
	trusts_leaf later
}

run_tests "$@"
