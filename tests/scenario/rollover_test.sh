#!/bin/bash
# rollover: the embedded CA gets its next root key, judged by openssl.
. "$(dirname "$0")/../lib.sh"

lab() { # [SETTINGS [FILES]]
	config <<-C
	issuers = ( { name = "lab"; type = "local"; subject = "CN=Lab CA,O=Example"; ${1-} } );
	certificates = ( { name = "www"; names = "localhost"; issuer = "lab";
		files = ( { path = "$dir/tls/roots.pem"; content = "ca"; },
			{ path = "$dir/tls/full.pem"; content = "fullchain"; } ); } );
	C
	mkdir -p tls
}

roots_in() { # FILE
	grep -c BEGIN "$1"
}

# Whether it is believed by who knows CAFILE alone, with what is served behind it.
believed() { # CAFILE FULLCHAIN [CRLFILE]
	openssl verify -x509_strict -CAfile "$1" -untrusted "$2" ${3:+-crl_check_all -CRLfile "$3"} "$2"
}

test_who_knows_either_root_or_both_believes_leaves_of_both_keys() {
	lab "${1-}"
	expect 0 everleaf renew
	cp tls/full.pem before.pem
	cp state/ca/lab/root.pem old.pem
	expect 0 everleaf ca lab rollover --force
	expect 0 everleaf renew --force www
	cp state/ca/lab/2/root.pem new.pem
	cat old.pem new.pem >both.pem
	cmp <(sort both.pem) <(sort state/ca/lab/root.pem)
	cmp <(sort both.pem) <(sort tls/roots.pem)
	for roots in old new both; do
		believed $roots.pem tls/full.pem
		believed $roots.pem tls/full.pem state/ca/lab/crl.pem
		cat before.pem state/ca/lab/2/oldWithNew.pem >told.pem
		believed $roots.pem told.pem
		believed $roots.pem told.pem state/ca/lab/crl.pem
	done
	believed old.pem before.pem
	believed both.pem before.pem
	is "$(openssl x509 -in old.pem -noout -subject)" "$(openssl x509 -in new.pem -noout -subject)"
	not cmp -s old.pem new.pem
}

test_an_intermediate_a_path_length_and_constraints_hold_across_it() {
	test_who_knows_either_root_or_both_believes_leaves_of_both_keys \
		'intermediate = true; path_length = 1; permitted = [ "localhost" ];'
}

test_the_intermediate_of_each_key_stands_beside_its_root() {
	local first=state/ca/lab/intermediate.pem
	lab 'intermediate = true;'
	expect 0 everleaf renew
	cp $first first.pem
	openssl verify -partial_chain -trusted $first state/live/www/cert.pem
	expect 0 everleaf ca lab rollover --force
	expect 0 everleaf renew --force www
	cmp first.pem $first
	not openssl verify -partial_chain -trusted $first state/live/www/cert.pem
	openssl verify -partial_chain -trusted state/ca/lab/2/intermediate.pem state/live/www/cert.pem
	grep -qxF "$(sed -n 2p state/ca/lab/2/intermediate.pem)" state/live/www/chain.pem
}

certificate() { # FILE...: each, its serial
	local file
	for file; do openssl x509 -in "$file" -noout -serial | sed 's/.*=//'; done
}

on_the_list() { # SERIAL: how many lists of what `ca crl` prints it is on
	expect 0 everleaf ca lab crl
	csplit -s -z -f list. out '/BEGIN X509/' '{*}'
	for list in list.*; do openssl crl -in $list -noout -text; done | grep -c "Serial Number: $1" || :
	rm list.*
}

test_serials_of_both_keys_are_revoked_by_lists_of_both() {
	local old new
	lab
	expect 0 everleaf renew
	cp tls/full.pem before.pem
	cp state/ca/lab/root.pem old.pem
	expect 0 everleaf ca lab rollover --force
	expect 0 everleaf renew --force www
	old=$(certificate before.pem)
	new=$(certificate tls/full.pem)
	believed state/ca/lab/root.pem before.pem state/ca/lab/crl.pem
	expect 0 everleaf ca lab revoke "$old"
	is 2 "$(on_the_list "$old")"
	cmp out state/ca/lab/crl.pem
	not believed state/ca/lab/root.pem before.pem out
	believed state/ca/lab/root.pem tls/full.pem out
	expect 0 everleaf ca lab revoke "$new" --reason 1
	is 2 "$(on_the_list "$new")"
	not believed state/ca/lab/root.pem tls/full.pem out
	# in the form for a distribution point each is by itself
	openssl crl -inform DER -in state/ca/lab/crl.der -noout -CAfile old.pem -verify
	openssl crl -inform DER -in state/ca/lab/2/crl.der -noout -CAfile state/ca/lab/2/root.pem -verify
	# and what is live is replaced by the list of its own key
	expect 0 everleaf renew
	not cmp -s tls/full.pem before.pem
	is 3 "$(live www)"
	believed state/ca/lab/root.pem tls/full.pem state/ca/lab/crl.pem
}

test_the_new_key_is_announced_and_files_hold_both_roots_before_it_signs() {
	lab
	expect 0 everleaf renew
	cp state/ca/lab/root.pem old.pem
	expect 0 everleaf ca lab rollover
	says out "$dir/state/ca/lab/2/root.pem"
	expect 1 everleaf ca lab rollover
	says err "its next key is made"
	is 1 "$(roots_in tls/roots.pem)"
	expect 0 everleaf renew
	is 2 "$(roots_in tls/roots.pem)"
	cmp tls/roots.pem state/roots/lab.pem
	is 1 "$(live www)"
	expect 0 everleaf renew --force www
	is "$(openssl x509 -in old.pem -noout -ext subjectKeyIdentifier | tail -n 1 | sed 's/keyid://;s/ //g')" \
		"$(openssl x509 -in tls/full.pem -noout -ext authorityKeyIdentifier | tail -n 1 | sed 's/keyid://;s/ //g')"
	believed old.pem tls/full.pem
	believed state/ca/lab/2/root.pem tls/full.pem state/ca/lab/crl.pem
}

# A hook of what trusts runs before what is to be trusted is there.
test_another_certificate_that_trusts_has_both_roots_before_the_first_new_leaf() {
	printf '#!/bin/sh\necho "$EVERLEAF_NAMES $(grep -c BEGIN %s/tls/roots.pem)" >>%s/hooked\n' \
		"$dir" "$dir" >hook
	chmod 755 hook
	mkdir -p tls
	config <<-C
	issuers = ( { name = "lab"; type = "local"; subject = "CN=Lab CA"; } );
	defaults = { issuer = "lab"; };
	hooks = ( { name = "server"; run = [ "$dir/hook" ]; }, { name = "client"; run = [ "$dir/hook" ]; } );
	certificates = ( { name = "client"; names = "client.example.org"; usage = "client"; hooks = "client"; },
		{ name = "www"; names = "localhost"; hooks = "server";
		files = ( { path = "$dir/tls/roots.pem"; content = "ca"; } ); } );
	C
	expect 0 everleaf renew
	expect 0 everleaf ca lab rollover --force
	: >hooked
	expect 0 everleaf renew --force client
	is "www 2
client 2" "$(cat hooked)"
}

# The root of the CA that is there, of the same key, with 40 days of many years left.
grows_old() { # [CONSTRAINTS]
	cat >ca.cnf <<-C
	[ ca ]
	default_ca = it
	[ it ]
	database = $dir/ca.db
	new_certs_dir = $dir
	rand_serial = yes
	default_md = sha256
	policy = any
	x509_extensions = root
	[ any ]
	commonName = supplied
	organizationName = optional
	[ root ]
	basicConstraints = critical,CA:TRUE${1-}
	keyUsage = critical,keyCertSign,cRLSign
	subjectKeyIdentifier = hash
	C
	: >ca.db
	openssl req -new -key state/ca/lab/root.key -subj "/CN=Lab CA" -out root.csr
	openssl ca -batch -config ca.cnf -selfsign -keyfile state/ca/lab/root.key -in root.csr -notext \
		-startdate 20200101000000Z -enddate "$(date -u -d '+40 days' +%Y%m%d%H%M%SZ)" -out old.pem 2>ca.err
	cat old.pem >state/ca/lab/root.pem
}

# Nobody asks for it: what is left of the root is less than two lifetimes of a leaf.
test_a_root_that_comes_to_its_end_is_followed_by_the_next() {
	lab 'lifetime = "30d";'
	expect 0 everleaf ca lab init
	grows_old
	expect 0 everleaf renew
	says err "lab: its next root is ca/lab/2/root.pem, and signs from"
	is 2 "$(roots_in state/ca/lab/root.pem)"
	believed old.pem tls/full.pem
	expect 0 everleaf renew
	is 2 "$(roots_in tls/roots.pem)"
	believed state/ca/lab/2/root.pem tls/full.pem
	expect 0 everleaf renew --force www
	not test -e state/ca/lab/3
}

# A root of another name has no place below it.
test_a_root_that_none_can_follow_signs_to_its_end() {
	lab 'lifetime = "30d"; path_length = 0;'
	expect 0 everleaf ca lab init
	grows_old ,pathlen:0
	expect 0 everleaf renew
	says err "lab: its root ends at $(date -u -d '+40 days' +%Y)"
	says err "the next one cannot be made: roll-over: its path length leaves no place"
	believed old.pem tls/full.pem
	not test -e state/ca/lab/2
}

test_keys_that_are_over_leave_room_for_the_next() {
	local key
	lab 'lifetime = "3s";'
	expect 0 everleaf renew
	for key in 2 3 4; do expect 0 everleaf ca lab rollover --force; done
	until_true 60 everleaf ca lab rollover --force
	test -e state/ca/lab/5/root.pem
}

old_is_gone() {
	everleaf ca lab crl >crl.pem
	[ ! -e state/ca/lab/root.key ]
}

test_the_old_key_goes_with_the_last_leaf_that_it_has_signed() {
	lab 'lifetime = "3s";'
	expect 0 everleaf renew
	expect 0 everleaf ca lab rollover --force
	expect 0 everleaf renew --force www
	until_true 60 old_is_gone
	is 1 "$(grep -c BEGIN crl.pem)"
	cmp state/ca/lab/root.pem state/ca/lab/2/root.pem
	openssl crl -in crl.pem -noout -CAfile state/ca/lab/root.pem -verify
	expect 0 everleaf renew --force www
	rm state/roots/lab.seen # as if it had been asked a day ago
	expect 0 everleaf renew --force www
	is 1 "$(roots_in state/roots/lab.pem)"
	is 1 "$(roots_in tls/roots.pem)"
}

# It has the keys that it had, or those and a whole new one, and what is there signs.
test_a_kill_at_any_moment_leaves_a_ca_that_signs() {
	local ms keys
	lab 'intermediate = true;'
	expect 0 everleaf renew
	cp -a state first
	for ms in 0.01 0.02 0.03 0.04 0.05 0.06 0.07 0.08 0.1 0.15; do
		rm -rf state
		cp -a first state
		timeout -s KILL $ms "$BUILD/everleaf" -c "$dir/everleaf.conf" ca lab rollover --force >>killed.out 2>&1 || :
		no_role_is_left
		keys=1
		[ ! -e state/ca/lab/2/root.pem ] || keys=2
		expect 0 everleaf renew --force www
		is $keys "$(roots_in state/ca/lab/root.pem)"
		is $keys "$(roots_in tls/roots.pem)"
		believed state/ca/lab/root.pem tls/full.pem state/ca/lab/crl.pem
		[ $keys = 2 ] || expect 0 everleaf ca lab rollover
	done
}

run_tests "$@"
