#!/bin/bash
# roots_cmp: how the roots of a CMP CA are learnt under the secret, followed by what it says of
# their successors (tests/tools/cmp_ca.c), and what is refused.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../lib_pki.sh"
. "$(dirname "$0")/../lib_cmp.sh"
. "$(dirname "$0")/../lib_roots.sh"

# www holds the roots of corp in bundle.pem.
trusts() { # TRUST [LABEL]
	mkdir -p etc
	trust=$1 corp "$(by_secret "${secret-s3cret}")" \
		"names = \"www.example.org\"; files = ( { path = \"$dir/etc/bundle.pem\"; content = \"ca\"; } );" \
		"${2-fine}"
}

pinned() {
	start_cmp_ca
	cp ca.pem first.pem
	trusts "${1-sha256:$(fingerprint ca)}"
	expect 0 everleaf renew
	is_live_of www 1 1
	holds etc/bundle.pem ca
}

# What is told of OLD: NEW, by the certificate CROSS.
succeeds() { # OLD NEW [CROSS...]
	: >update.pem
	for c in "$@"; do cat "$c.pem" >>update.pem; done
}

run_anew() {
	kill $server
	wait $server 2>/dev/null || :
	cmp_leaf srv ca
	run_cmp_ca
}

test_the_root_with_the_fingerprint_is_told_under_the_secret() {
	pinned
	holds state/roots/corp.pem ca
	is "2 1" "$(asked genm fine) $(asked ir)" # what there is, and whether that has a successor
	expect 0 everleaf renew
	is "2 1" "$(asked genm fine) $(asked ir)"
}

test_what_the_secret_proves_is_taken_from_the_issuer() {
	pinned from-issuer
	holds state/roots/corp.pem ca
}

test_a_server_that_has_not_the_secret_is_not_believed() {
	start_cmp_ca
	secret=another trusts from-issuer
	expect 1 everleaf renew
	says err "corp: its roots are not known: it does not tell its roots, set trust: $url/fine: genm: the CA rejects it: badMessageCheck"
	[ ! -e state/roots/corp.pem ] && [ ! -e state/live/www ]
	is 0 "$(asked ir)"
}

test_another_root_than_that_of_the_fingerprint_is_refused() {
	start_cmp_ca
	trusts "sha256:$(fingerprint other)"
	expect 1 everleaf renew
	says err "none of the roots that it names is accepted: CN=ca (sha256:$(fingerprint ca)): it has not the fingerprint of trust"
	[ ! -e state/roots/corp.pem ] && [ ! -e state/live/www ]
}

test_a_successor_signed_by_the_old_root_joins_it_before_its_first_leaf() {
	pinned
	new_root new ca cross
	openssl_ca none ca # oldWithNew says nothing that newWithOld has not
	succeeds ca new cross none
	long_ago
	expect 0 everleaf renew
	says err "corp: trusted from now on: CN=new"
	holds state/roots/corp.pem ca new
	holds etc/bundle.pem ca new
	is_live_of www 1 1
	moves_to new
	run_anew
	trusts "sha256:$(fingerprint first)"
	expect 0 everleaf renew --force www
	is_live_of www 2 2
	openssl verify -CAfile new.pem state/live/www/cert.pem
	long_ago
	rm update.pem
	expect 0 everleaf renew
	says err "corp: no more trusted, nothing live leads to it: CN=ca"
	holds etc/bundle.pem new
}

test_a_successor_that_only_says_so_is_refused_and_told() {
	pinned
	new_root evil
	openssl_ca liar
	new_root forged liar cross
	succeeds ca evil
	long_ago
	expect 0 everleaf renew
	says err "corp names a root that is refused: CN=evil (sha256:$(fingerprint evil)): no root that is trusted so far has signed it"
	succeeds ca forged cross
	long_ago
	expect 0 everleaf renew
	says err "corp names a root that is refused: CN=forged"
	holds state/roots/corp.pem ca
	holds etc/bundle.pem ca
}

# caCerts is for what stands between (RFC 9483 4.3.1).
test_a_root_that_caCerts_does_not_name_stays() {
	pinned
	openssl_ca below ca
	cp below.pem cas.pem
	long_ago
	expect 0 everleaf renew
	holds state/roots/corp.pem ca
	holds etc/bundle.pem ca
}

test_a_server_that_knows_of_no_successors_keeps_its_root() {
	pinned
	trusts "sha256:$(fingerprint ca)" noupdate
	long_ago
	expect 0 everleaf renew
	has_no "not known anew" <err
	holds state/roots/corp.pem ca
	is 2 "$(asked genm noupdate)"
}

test_one_that_tells_nothing_leaves_what_there_is() {
	pinned
	local label
	for label in nogenm html none endless 500; do
		trusts "sha256:$(fingerprint ca)" $label
		long_ago
		expect 0 everleaf renew
		says err "corp: its roots are not known anew: $url/$label: genm: "
		holds etc/bundle.pem ca
	done
	is_live_of www 1 1
}

# A secret may be for one enrolment.
test_what_is_live_asks_again_where_the_secret_is_used_up() {
	pinned
	secret=gone trusts "sha256:$(fingerprint ca)"
	new_root new ca cross
	succeeds ca new cross
	long_ago
	expect 0 everleaf renew
	holds etc/bundle.pem ca new
}

test_who_is_revoked_asks_by_the_secret() {
	pinned
	serial_of state/live/www/cert.pem >>revoked
	new_root new ca cross
	succeeds ca new cross
	long_ago
	expect 0 everleaf renew
	holds etc/bundle.pem ca new
}

# It signs by what only the new root leads to, and under the secret nobody has to know that.
test_a_server_that_has_moved_already_is_asked_by_the_secret() {
	pinned
	new_root new ca cross
	succeeds ca new cross
	moves_to new
	run_anew
	trusts "sha256:$(fingerprint first)"
	long_ago
	expect 0 everleaf renew --force www
	holds etc/bundle.pem first new
	is_live_of www 2 2
}

test_roots_without_a_secret_are_a_file() {
	start_cmp_ca
	trust="sha256:$(fingerprint ca)" corp "$(by_cert)"
	expect 2 everleaf check
	says err "expected a file with its roots: what the CA says of them is believed under reference"
	trust=from-issuer corp "$(by_cert)"
	expect 2 everleaf check
	says err "expected a file with its roots"
	corp "$(by_cert)"
	expect 0 everleaf check
}

run_tests "$@"
