#!/bin/bash
# acme_account: the account at a real CA, its keys, and revocation, with Pebble.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../lib_acme.sh"

pebble() { # [SETTINGS]
	start_web
	start_pebble new '"keyAlgorithm": "ecdsa", "retryAfter": { "authz": 1, "order": 1 }'"${1:+, $1}"
}

account() {
	everleaf account ca "$@"
}

account_url() {
	account show | grep -o 'https://[^ ]*/my-account/[^ ]*'
}

thumbprint() { # of the account's key on disk, RFC 7638, for P-256
	local x y
	read -r x y < <(openssl pkey -in state/accounts/ca/account.key -pubout -outform DER | tail -c 64 |
		od -An -v -tx1 | tr -d ' \n' | sed 's/.\{64\}/& /')
	printf '{"crv":"P-256","kty":"EC","x":"%s","y":"%s"}' "$(b64 "$x")" "$(b64 "$y")" |
		openssl dgst -sha256 -binary | openssl base64 | tr '+/' '-_' | tr -d '='
}

b64() { # HEX
	printf "$(sed 's/../\\x&/g' <<<"$1")" | openssl base64 -A | tr '+/' '-_' | tr -d '='
}

test_an_account_is_shown() {
	pebble
	acme
	expect 0 everleaf renew
	expect 0 account show
	says out valid
	says out mailto:ops@example.org
	says out "/my-account/"
	says out "$(thumbprint)"
}

test_registering_twice_is_one_account() {
	pebble
	acme
	expect 0 account register
	account_url >first
	expect 0 account register
	is "$(cat first)" "$(account_url)"
	expect 0 everleaf renew
	is "$(cat first)" "$(account_url)"
}

# The key is what an account is: what the CA calls it can be asked.
test_an_account_is_found_by_its_key() {
	pebble
	acme
	expect 0 everleaf renew
	account_url >first
	rm state/accounts/ca/account.json
	expect 0 everleaf renew --force www
	is "$(cat first)" "$(account_url)"
}

test_an_account_that_the_ca_has_forgotten_is_made_again_with_its_key() {
	pebble
	acme
	expect 0 everleaf renew
	cp state/accounts/ca/account.key before
	end "$pebble"
	start_pebble new
	acme
	expect 0 everleaf renew --force www
	is_live_of www 2 2
	cmp before state/accounts/ca/account.key
}

test_contacts_follow_the_configuration() {
	pebble
	acme
	expect 0 account register
	sed -i 's/ops@example.org/other@example.org/' everleaf.conf
	expect 0 account update
	expect 0 account show
	says out mailto:other@example.org
}

test_a_roll_over_gives_the_account_another_key() {
	pebble
	acme
	expect 0 everleaf renew
	account_url >first
	cp state/accounts/ca/account.key before
	expect 0 account rollover
	not cmp -s before state/accounts/ca/account.key
	[ ! -e state/accounts/ca/next.key ]
	is "$(cat first)" "$(account_url)"
	expect 0 everleaf renew --force www
	is_live_of www 2 2
}

test_a_roll_over_can_change_the_kind_of_key() {
	pebble
	acme
	expect 0 account register
	acme 'names = "www.example.org";' 'account_key = "rsa-2048";'
	expect 0 account rollover
	openssl pkey -in state/accounts/ca/account.key -noout -text | has '2048 bit'
	expect 0 everleaf renew
}

test_an_account_that_was_deactivated_is_followed_by_another_with_another_key() {
	pebble
	acme
	expect 0 everleaf renew
	account_url >first
	cp state/accounts/ca/account.key before
	expect 2 account deactivate
	says err "say --yes"
	cmp before state/accounts/ca/account.key
	expect 0 account deactivate --yes
	[ ! -e state/accounts/ca/account.key ]
	expect 0 everleaf renew --force www
	is_live_of www 2 2
	not cmp -s before state/accounts/ca/account.key
	[ "$(cat first)" != "$(account_url)" ]
}

test_each_kind_of_account_key_can_be_had() {
	local key
	pebble
	for key in ecdsa-p256 ecdsa-p384 rsa-2048 rsa-4096; do
		rm -rf state
		acme 'names = "www.example.org";' "account_key = \"$key\";"
		expect 0 everleaf renew
		is_whole www root.pem
	done
}

# Pebble takes Ed25519 keys of accounts or says that it does not; then another is used.
test_ed25519_is_used_where_the_ca_takes_it() {
	pebble
	acme 'names = "www.example.org";' 'account_key = "ed25519";'
	expect 0 everleaf renew
	is_whole www root.pem
}

# -- external accounts --

eab_key=zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W

eab_pebble() {
	pebble '"externalAccountBindingRequired": true,
		"externalAccountMACKeys": { "kid-1": "'$eab_key'" }'
	printf '%s\n' "${1-$eab_key}" >eab.key
	chmod 600 eab.key
}

test_an_external_account_is_bound() {
	eab_pebble
	acme 'names = "www.example.org";' "eab = { kid = \"kid-1\"; key_file = \"$dir/eab.key\"; };"
	expect 0 everleaf renew
	is_whole www root.pem
}

# As CAs write it: base64url, and base64 with its padding; each MAC.
test_an_external_account_is_bound_by_each_mac_and_spelling() {
	local mac eab_key
	openssl rand 64 | openssl base64 -A >key.64 # RFC 7518 3.2: no shorter than the hash
	eab_key=$(tr -d '=\n' <key.64 | tr +/ -_)
	eab_pebble
	for mac in HS256 HS384 HS512; do
		rm -rf state
		acme 'names = "www.example.org";' \
			"eab = { kid = \"kid-1\"; key_file = \"$dir/eab.key\"; algorithm = \"$mac\"; };"
		expect 0 everleaf account ca register
		cp key.64 eab.key
	done
}

test_without_an_external_account_where_one_is_needed_it_is_said_what_to_do() {
	eab_pebble
	acme
	expect 1 everleaf renew
	says err eab
	is 0 "$(pebble_asked /order-plz)"
}

test_a_wrong_external_key_is_refused() {
	eab_pebble AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
	acme 'names = "www.example.org";' "eab = { kid = \"kid-1\"; key_file = \"$dir/eab.key\"; };"
	expect 1 everleaf renew
	says err "external account binding"
	not grep -q AAAAAAAA out err
}

# -- revocation --

test_a_certificate_is_revoked_with_a_reason() {
	pebble
	acme
	expect 0 everleaf renew
	is Valid "$(at_pebble www)"
	expect 0 everleaf revoke www --reason superseded
	is Revoked "$(at_pebble www)"
	is 1 "$(events www revoked)"
	expect 0 everleaf revoke www
}

test_a_certificate_is_revoked_by_its_own_key() {
	pebble
	acme
	expect 0 everleaf renew
	expect 0 everleaf revoke www --by-key --reason keyCompromise
	is Revoked "$(at_pebble www)"
}

test_what_is_replaced_is_revoked_after_its_successor_is_live() {
	local old
	pebble
	acme
	expect 0 everleaf renew
	old=$(openssl x509 -in state/live/www/cert.pem -noout -serial)
	cp state/live/www/privkey.pem old.key
	expect 0 everleaf revoke www --replace
	is_live_of www 2 2
	not cmp -s old.key state/live/www/privkey.pem
	is Valid "$(at_pebble www)"
	is Revoked "$(pebble_says "/cert-status-by-serial/${old#serial=}" | json Status)"
}

run_tests "$@"
