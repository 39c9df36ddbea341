#!/bin/bash
# files: what is written outside of the store, as what, and what is done about changes.
. "$(dirname "$0")/../lib.sh"

www() { # FILES [SETTINGS of the certificate]
	mkdir -p tls
	config <<-C
	issuers = ( { name = "lab"; type = "local"; intermediate = true; } );
	certificates = ( { name = "www"; names = "localhost"; issuer = "lab"; files = ( $1 ); ${2-} } );
	C
}

file() { # NAME CONTENT [SETTINGS]
	printf '{ path = "%s"; content = "%s"; %s }' "$dir/tls/$1" "$2" "${3-}"
}

test_each_content_is_what_its_name_says() {
	local set=state/live/www
	www "$(file full fullchain), $(file cert cert), $(file chain chain), $(file key key),
		$(file combined combined), $(file der der), $(file ca ca)"
	expect 0 everleaf renew
	cmp tls/full $set/fullchain.pem
	cmp tls/cert $set/cert.pem
	cmp tls/chain $set/chain.pem
	cmp tls/key $set/privkey.pem
	cat $set/privkey.pem $set/cert.pem $set/chain.pem | cmp tls/combined -
	openssl x509 -in $set/cert.pem -outform DER | cmp tls/der -
	cmp tls/ca state/ca/lab/root.pem
	is "$(openssl x509 -in tls/cert -noout -issuer | cut -d = -f 2-)" \
		"$(openssl x509 -in tls/chain -noout -subject | cut -d = -f 2-)"
}

test_what_holds_the_key_is_for_its_owner_only() {
	www "$(file cert cert), $(file key key), $(file combined combined)"
	(umask 0 && expect 0 everleaf renew)
	is "644 600 600" "$(stat -c %a tls/cert tls/key tls/combined | xargs)"
	is "$(id -u)" "$(stat -c %u tls/key)"
}

test_a_mode_is_given_as_configured() {
	www "$(file cert cert 'mode = "0640";'), $(file key key 'mode = "0440";')" 'mode = "0640";'
	expect 0 everleaf renew
	is "640 440 640" "$(stat -c %a tls/cert tls/key state/live/www/privkey.pem | xargs)"
}

test_owner_and_group_are_given_as_configured() {
	is_root || skip "needs root: nothing can be given to others"
	www "$(file key key 'owner = "61007"; group = "61008"; mode = "0640";')" \
		'owner = "61009"; group = "61010"; mode = "0640";'
	expect 0 everleaf renew
	is "61007:61008 640" "$(stat -c '%u:%g %a' tls/key)"
	is "61009:61010 640" "$(stat -c '%u:%g %a' state/live/www/privkey.pem)"
}

test_a_renewal_replaces_a_file_and_never_writes_into_it() {
	local inode mtime
	www "$(file combined combined)"
	expect 0 everleaf renew
	inode=$(stat -c %i tls/combined)
	mtime=$(stat -c %Y tls/combined)
	exec 8<tls/combined
	cp tls/combined before
	expect 0 everleaf renew --force www
	cmp before - <&8
	[ "$inode" != "$(stat -c %i tls/combined)" ]
	[ "$mtime" -lt "$(stat -c %Y tls/combined)" ]
	is combined "$(ls -A tls)"
}

test_a_changed_file_is_repaired_without_an_issue() {
	www "$(file combined combined), $(file cert cert)"
	expect 0 everleaf renew
	cp tls/cert good
	echo tampered >>tls/cert
	expect 0 everleaf plan
	says out files-differ
	expect 0 everleaf status
	says out "files differ"
	expect 0 everleaf renew
	cmp good tls/cert
	is_live_of www 1 1
	is 1 "$(events www repaired)"
	expect 0 everleaf renew
	is 1 "$(events www repaired)"
}

test_a_removed_file_is_written_again() {
	www "$(file combined combined)"
	expect 0 everleaf renew
	rm tls/combined
	expect 0 everleaf renew
	is "$(live_leaf www)" "$(leaf_of tls/combined)"
	is_live_of www 1 1
}

test_a_mode_that_someone_opened_is_closed_again() {
	www "$(file combined combined)"
	expect 0 everleaf renew
	chmod 644 tls/combined
	expect 0 everleaf renew
	is 600 "$(stat -c %a tls/combined)"
	is_live_of www 1 1
}

test_drift_is_only_reported_where_that_is_asked_for() {
	www "$(file cert cert)" 'on_drift = "report";'
	expect 0 everleaf renew
	echo tampered >>tls/cert
	expect 0 everleaf renew
	grep -q tampered tls/cert
	expect 0 everleaf status
	says out "files differ"
	expect 1 everleaf status --check
	says out "files differ"
}

test_hooks_are_run_after_a_repair() {
	hook web <<-H
	cp $dir/tls/cert $dir/seen
	H
	www "$(file cert cert)" 'hooks = "web";'
	echo "hooks = ( $(hook_config web) );" >>everleaf.conf
	expect 0 everleaf renew
	echo tampered >>tls/cert
	expect 0 everleaf renew
	is 2 "$(ran web run)"
	cmp seen tls/cert
}

test_a_file_that_is_configured_later_is_written_without_an_issue() {
	www "$(file cert cert)"
	expect 0 everleaf renew
	www "$(file cert cert), $(file key key)"
	expect 0 everleaf renew
	cmp tls/key state/live/www/privkey.pem
	is_live_of www 1 1
}

test_a_symbolic_link_in_the_place_of_a_file_is_not_followed() {
	www "$(file cert cert)"
	echo precious >victim
	ln -s "$dir/victim" tls/cert
	expect 1 everleaf renew
	says err "not replaced; remove it, or name another path"
	is precious "$(cat victim)"
	[ -L tls/cert ]
	rm tls/cert
	expect 0 everleaf renew www
	cmp tls/cert state/live/www/cert.pem
	is_live_of www 1 1
}

test_a_folder_that_is_missing_is_an_error_of_configuration() {
	www "{ path = \"$dir/nowhere/cert\"; content = \"cert\"; }"
	expect 2 everleaf renew
	says err "folder that exists"
	[ ! -e state ]
}

test_a_file_of_two_certificates_is_an_error_of_configuration() {
	mkdir tls
	config <<-C
	certificates = ( { names = "a.example.org"; issuer = "local"; files = ( $(file x cert) ); },
		{ names = "b.example.org"; issuer = "local"; files = ( $(file x cert) ); } );
	C
	expect 2 everleaf renew
	says err "tls/x"
}

test_a_live_key_that_is_not_its_certificates_is_replaced() {
	www "$(file combined combined)"
	expect 0 everleaf renew
	openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 >other.key 2>/dev/null
	cat other.key >state/archive/www/0000000001/privkey.pem
	expect 0 everleaf renew
	is_live_of www 2 2
	is "$(openssl x509 -in tls/combined -noout -pubkey)" "$(openssl pkey -in tls/combined -pubout)"
}

password() { # WORDS: $dir/pass holds them
	printf '%s\n' "$1" >pass
	chmod 600 pass
}

secret() { echo "password_file = \"$dir/pass\";"; }

p12_key() { # FILE PASSWORD: the public key of what is in it
	openssl pkcs12 -in "$1" -passin "pass:$2" -nocerts -nodes 2>/dev/null | openssl pkey -pubout
}

test_a_combined_file_may_begin_with_the_certificate() {
	local set=state/live/www
	www "$(file combined combined 'order = "cert-first";')"
	expect 0 everleaf renew
	cat $set/cert.pem $set/chain.pem $set/privkey.pem | cmp tls/combined -
}

test_a_key_is_there_in_the_form_that_was_asked_for() {
	local set=state/live/www
	www "$(file old key 'format = "traditional";'), $(file der key 'format = "der";'),
		$(file both combined 'format = "traditional";')"
	expect 0 everleaf renew
	openssl pkey -in $set/privkey.pem -traditional | cmp tls/old -
	openssl pkcs8 -topk8 -nocrypt -in $set/privkey.pem -outform DER | cmp tls/der -
	head -n 1 tls/both | has "BEGIN EC PRIVATE KEY"
	is "600 600 600" "$(stat -c %a tls/old tls/der tls/both | xargs)"
}

test_a_key_is_encrypted_with_its_password() {
	password "correct horse"
	www "$(file pem key "$(secret)"), $(file der key "format = \"der\"; $(secret)"),
		$(file both combined "$(secret)")"
	expect 0 everleaf renew
	head -n 1 tls/pem | has "BEGIN ENCRYPTED PRIVATE KEY"
	openssl pkey -in tls/pem -passin "pass:correct horse" | cmp state/live/www/privkey.pem -
	openssl pkcs8 -in tls/der -inform DER -passin "pass:correct horse" | cmp state/live/www/privkey.pem -
	openssl pkey -in tls/both -passin "pass:correct horse" | cmp state/live/www/privkey.pem -
	not openssl pkey -in tls/pem -passin pass:wrong
	openssl asn1parse -in tls/pem | has aes-256-cbc
}

test_pkcs12_holds_all_of_it_under_the_name() {
	password secret
	www "$(file p12 pkcs12 "$(secret)")"
	expect 0 everleaf renew
	is 600 "$(stat -c %a tls/p12)"
	openssl pkcs12 -in tls/p12 -passin pass:secret -nodes -info >all 2>said
	is 2 "$(grep -c BEGIN.CERTIFICATE all)"
	is 2 "$(grep -c 'friendlyName: www' all)"
	is "$(openssl pkey -in state/live/www/privkey.pem -pubout)" "$(p12_key tls/p12 secret)"
	openssl pkcs12 -in tls/p12 -passin pass:secret -clcerts -nokeys | openssl x509 | cmp state/live/www/cert.pem -
	has "MAC: sha256" <said
	is 2 "$(grep -c 'PBES2, PBKDF2, AES-256-CBC' said)"
	not openssl pkcs12 -in tls/p12 -passin pass:Secret -nodes
}

test_legacy_pkcs12_has_what_old_readers_know() {
	password secret
	www "$(file p12 pkcs12 "legacy = true; $(secret)")"
	expect 0 everleaf renew
	openssl pkcs12 -in tls/p12 -passin pass:secret -nodes -info >all 2>said
	has "MAC: sha1" <said
	is 2 "$(grep -c 'pbeWithSHA1And3-KeyTripleDES-CBC' said)"
	is "$(openssl pkey -in state/live/www/privkey.pem -pubout)" "$(p12_key tls/p12 secret)"
}

test_pbmac1_is_made_or_refused_before_anything_is_done() {
	password secret
	www "$(file p12 pkcs12 "pbmac1 = true; $(secret)")"
	if ! everleaf check 2>err; then
		says err "OpenSSL 3.4 is needed"
		expect 2 everleaf renew
		return
	fi
	expect 0 everleaf renew
	openssl pkcs12 -in tls/p12 -passin pass:secret -nodes -info -out all 2>said
	has PBMAC1 <said
}

test_what_is_encrypted_is_not_written_again_while_nothing_changes() {
	local before
	password secret
	www "$(file p12 pkcs12 "$(secret)"), $(file key key "$(secret)")"
	expect 0 everleaf renew
	before=$(stat -c '%i %Z' tls/p12 tls/key)
	touch tls/p12 # a look at it in full
	expect 0 everleaf plan
	has_no files-differ <out
	expect 0 everleaf renew
	is "$(stat -c %i tls/p12 tls/key)" "$(cut -d ' ' -f 1 <<<"$before")"
	is 0 "$(events www repaired)"
}

test_a_change_in_pkcs12_is_repaired() {
	password secret
	www "$(file p12 pkcs12 "$(secret)")"
	expect 0 everleaf renew
	cp tls/p12 good
	printf xxxxxxxx | dd of=tls/p12 bs=1 seek=300 conv=notrunc 2>/dev/null
	expect 0 everleaf plan
	says out files-differ
	expect 0 everleaf renew
	cmp good tls/p12
	is_live_of www 1 1
}

test_a_new_password_makes_a_new_file_and_no_issue() {
	password first
	www "$(file p12 pkcs12 "$(secret)")"
	expect 0 everleaf renew
	password second
	expect 0 everleaf renew
	not openssl pkcs12 -in tls/p12 -passin pass:first -nodes
	is "$(openssl pkey -in state/live/www/privkey.pem -pubout)" "$(p12_key tls/p12 second)"
	is_live_of www 1 1
}

test_what_is_configured_otherwise_is_written_otherwise() {
	www "$(file x cert)"
	expect 0 everleaf renew
	www "$(file x fullchain)"
	expect 0 everleaf renew
	cmp tls/x state/live/www/fullchain.pem
	www "$(file x combined)"
	expect 0 everleaf renew
	www "$(file x combined 'order = "cert-first";')"
	expect 0 everleaf renew
	head -n 1 tls/x | has "BEGIN CERTIFICATE"
	www "$(file x combined 'order = "cert-first"; mode = "0640";')"
	expect 0 everleaf renew
	is 640 "$(stat -c %a tls/x)"
	is_live_of www 1 1
}

test_a_password_that_is_missing_leaves_the_file_alone() {
	password secret
	www "$(file p12 pkcs12 "$(secret)")"
	expect 0 everleaf renew
	cp tls/p12 good
	printf '\nbelow\n' >pass
	expect 1 everleaf renew --force www
	says err "$dir/pass: there is no password in its first line"
	cmp good tls/p12
	password secret
	expect 0 everleaf renew www
	is "$(openssl pkey -in state/live/www/privkey.pem -pubout)" "$(p12_key tls/p12 secret)"
}

test_a_password_that_others_read_is_an_error_of_configuration() {
	password secret
	chmod 644 pass
	www "$(file p12 pkcs12 "$(secret)")"
	expect 2 everleaf renew
	says err "others cannot read"
	[ ! -e state ]
}

test_a_password_of_white_space_is_none() {
	password " 	"
	www "$(file p12 pkcs12 "$(secret)")"
	expect 2 everleaf renew
	says err "pass\", expected a file with the secret: it is empty"
	[ ! -e state ]
}

test_who_could_replace_a_secret_is_said_with_the_path() {
	www "$(file p12 pkcs12 "$(secret)")"
	mkdir -m 777 open
	(umask 077 && echo secret >open/pass)
	chmod 700 open
	ln -s open/pass pass
	expect 0 everleaf check
	says err "pass is, or leads over, a link, which is not followed: write $dir/open/pass"
	chmod 777 open
	expect 2 everleaf check
	says err "pass\", expected a file that others cannot change: everybody can write $dir/open (mode 0777)"
	rm pass
	mkdir -m 755 safe
	(umask 077 && echo secret >safe/pass)
	ln -s ../safe/pass open/link
	ln -s open/link pass # what it is in the end is safe, but not the way to it
	expect 2 everleaf check
	says err "everybody can write $dir/open (mode 0777)"
	chmod 755 open
	expect 0 everleaf check
	is_root || return 0
	chown -h 61099 open/link
	expect 2 everleaf check
	says err "$dir/open/link belongs to user 61099"
}

test_a_hashed_folder_is_where_openssl_finds_the_anchor() {
	mkdir -p tls/cas
	www "$(file cas hashed)"
	expect 0 everleaf renew
	is 1 "$(ls -A tls/cas | wc -l)"
	is "$(openssl x509 -in state/ca/lab/root.pem -noout -hash).0" "$(ls -A tls/cas)"
	openssl verify -no-CAfile -no-CAstore -CApath tls/cas -untrusted state/live/www/chain.pem \
		state/live/www/cert.pem
	mv tls/cas/* tls/cas/gone
	expect 0 everleaf plan
	says out files-differ
	expect 0 everleaf renew
	is_live_of www 1 1
}

test_a_file_in_a_hashed_folder_that_was_changed_is_repaired() {
	mkdir -p tls/cas
	www "$(file cas hashed)"
	expect 0 everleaf renew
	echo tampered >>"$(echo tls/cas/*)"
	expect 0 everleaf plan
	says out files-differ
	expect 0 everleaf renew
	not grep -q tampered tls/cas/*
	expect 0 everleaf plan
	has_no files-differ <out
}

test_sds_is_what_envoy_reads() {
	www "$(file www.json sds)"
	expect 0 everleaf renew
	is 600 "$(stat -c %a tls/www.json)"
	is 1 "$(json 'resources.#' <tls/www.json)"
	is www "$(json resources.0.name <tls/www.json)"
	is type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret \
		"$(json 'resources.0.@type' <tls/www.json)"
	json resources.0.tls_certificate.private_key.inline_string <tls/www.json | sed '$d' |
		cmp state/live/www/privkey.pem -
	json resources.0.tls_certificate.certificate_chain.inline_string <tls/www.json | sed '$d' |
		cmp state/live/www/fullchain.pem -
}

test_who_was_let_in_to_a_file_still_is_after_a_renewal() {
	command -v setfacl >/dev/null || skip "setfacl (Debian: acl) is not installed"
	www "$(file key key), $(file cert cert)"
	expect 0 everleaf renew
	setfacl -m u:61101:r tls/key || skip "this file system has no access control lists"
	setfacl -m u:61101:r state/live/www/privkey.pem
	expect 0 everleaf plan
	has_no files-differ <out
	expect 0 everleaf renew --force www
	cmp tls/key state/live/www/privkey.pem
	for key in tls/key state/live/www/privkey.pem; do
		getfacl -cnp $key | has '^user:61101:r--'
		getfacl -cnp $key | has '^group::---'
		getfacl -cnp $key | has '^other::---'
	done
	expect 0 everleaf plan
	has_no files-differ <out
	is 0 "$(getfacl -cnps tls/cert | wc -l)"
}

test_who_cannot_get_at_a_file_is_named_before_and_when_it_is_written() {
	is_root || skip "needs root: nothing can be given to others"
	mkdir -p tls/closed
	chmod 700 tls/closed
	www "$(file closed/key key 'owner = "61007";'), $(file key key 'owner = "61007";'),
		$(file closed/cert cert 'group = "61008"; mode = "0640";')"
	expect 0 everleaf check
	says err "files[0].owner: \"61007\" cannot read it there: $dir/tls/closed is closed to it: mode 0700, user 0, group 0"
	says err "files[2].group: \"61008\" cannot read it there"
	has_no 'files.1.' <err
	expect 0 everleaf renew
	says err "www: $dir/tls/closed/key: user 61007 cannot read it: $dir/tls/closed is closed to it"
	chgrp 61008 tls/closed
	chmod 711 tls/closed
	expect 0 everleaf check
	has_no 'cannot read' <err
	expect 0 everleaf renew --force www
	has_no 'cannot read' <err
}

# With a user "reader" of this host, who is in the group "readers" besides his own.
with_reader() { # COMMAND...
	{ cat /etc/passwd && echo 'reader:x:61007:61007::/:/bin/false'; } >passwd
	{ cat /etc/group && echo 'readers:x:61050:reader'; } >group
	unshare --mount sh -c 'mount --bind passwd /etc/passwd && mount --bind group /etc/group && exec "$@"' - "$@"
}

test_the_other_groups_of_a_user_count() {
	is_root || skip "needs root: nothing can be given to others"
	with_reader true || skip "no file system can be mounted here"
	mkdir -p tls/closed
	chmod 710 tls/closed
	www "$(file closed/key key 'owner = "reader";')"
	expect 0 with_reader "$BUILD/everleaf" -c everleaf.conf check
	says err '"reader" cannot read it there'
	chgrp 61050 tls/closed
	expect 0 with_reader "$BUILD/everleaf" -c everleaf.conf check
	has_no 'cannot read' <err
	expect 0 with_reader "$BUILD/everleaf" -c everleaf.conf renew
	has_no 'cannot read' <err
	chgrp 0 tls/closed
	expect 0 with_reader "$BUILD/everleaf" -c everleaf.conf renew --force www
	says err "user 61007 cannot read it: $dir/tls/closed is closed to it"
}

test_who_cannot_get_at_the_live_set_is_named_too() {
	is_root || skip "needs root: nothing can be given to others"
	install -d -m 750 -g 61001 closed # the agent may pass
	www "$(file cert cert)" 'owner = "61007"; group = "61008"; mode = "0640";'
	sed -i "s|$dir/state|$dir/closed/state|" everleaf.conf
	expect 0 everleaf check
	says err "owner: \"61007\" cannot read it there: $dir/closed is closed to it"
	says err "group: \"61008\" cannot read it there: $dir/closed is closed to it"
	expect 0 everleaf renew
	says err "www: $dir/closed/state/live/www: user 61007 cannot read it: $dir/closed is closed"
	chmod 751 closed
	expect 0 everleaf check
	has_no 'cannot read' <err
	expect 0 everleaf renew --force www
	has_no 'cannot read' <err
}

test_a_folder_in_which_nothing_can_be_written_is_warned_of() {
	is_root || skip "needs root: mount"
	www "$(file ro/cert cert)"
	mkdir tls/ro
	mount -t tmpfs -o ro,mode=755 none tls/ro || skip "no mount here"
	echo "$dir/tls/ro" >>mounts
	expect 0 everleaf check
	says err "path: nothing can be written in $dir/tls/ro: Read-only file system"
	mount -o remount,rw tls/ro
	expect 0 everleaf check
	[ ! -s err ]
}

test_what_stands_in_the_place_of_a_file_is_warned_of() {
	mkdir -p tls/folder
	ln -s nowhere tls/link
	www "$(file folder cert), $(file link cert), $(file cert cert)"
	expect 0 everleaf check
	says err "path: a folder is in its place: remove it"
	says err "path: a link is in its place, which is not followed: remove it"
	is 2 "$(wc -l <err)"
	expect 1 everleaf renew # as it was said
	rm tls/link
	rmdir tls/folder
	expect 0 everleaf check
	[ ! -s err ]
	expect 0 everleaf renew www
}

test_a_way_over_a_link_is_warned_of_and_what_to_write_instead_is_said() {
	www "$(file sub/cert cert)"
	mkdir -p tls/real/sub
	ln -s real/sub tls/sub
	expect 0 everleaf check
	says err "path: $dir/tls/sub is, or leads over, a link, which is not followed: write $dir/tls/real/sub"
	is 1 "$(wc -l <err)"
	expect 1 everleaf renew
	says err "leads over, a symbolic link"
	www "$(file real/sub/cert cert)"
	expect 0 everleaf check
	[ ! -s err ]
	expect 0 everleaf renew www
}

test_what_a_user_cannot_run_and_a_role_cannot_read_is_warned_of() {
	is_root || skip "needs root: nothing runs as others"
	mkdir tls
	printf '#!/bin/sh\n' >tls/hook
	chmod 744 tls/hook
	cp /etc/ssl/certs/ca-certificates.crt roots 2>/dev/null || echo >roots
	chmod 600 roots
	www "$(file cert cert)" 'hooks = "mine";'
	cat >>everleaf.conf <<-C
	hooks = { name = "mine"; run = "$dir/tls/hook"; user = "61007"; };
	C
	sed -i "s|issuers = (|&{ name = \"corp\"; type = \"est\"; url = \"https://ca.example/\"; trust = \"$dir/roots\"; },|" everleaf.conf
	expect 0 everleaf check
	says err "corp.trust: user 61003, who speaks to CAs, cannot read it: $dir/roots is closed to it: mode 0600"
	says err "mine.user: \"61007\" cannot run $dir/tls/hook: $dir/tls/hook is closed to it: mode 0744"
	says err "mine.run: the program \"$dir/tls/hook\" is in $dir/tls, where the keeper writes: keep it elsewhere"
	chmod 644 roots
	chmod 755 tls/hook
	mv tls/hook hook
	sed -i "s|tls/hook|hook|" everleaf.conf
	expect 0 everleaf check
	[ ! -s err ]
}

test_a_configuration_that_the_keeper_or_others_could_replace_is_warned_of() {
	www "$(file ../www.pem cert | sed 's|tls/../||')"
	expect 0 everleaf check
	says err "everleaf.conf:1: warning: it is in $dir, where the keeper writes: keep it elsewhere"
	www "$(file cert cert)"
	expect 0 everleaf check
	[ ! -s err ]
	chmod 777 .
	expect 0 everleaf check
	says err "everleaf.conf:1: warning: others can put another file in its place: everybody can write $dir (mode 0777)"
	says err "warning: state_dir: $dir/state: others can put another folder in its place: everybody can write $dir (mode 0777)"
	says err "warning: runtime_dir: $dir/run: others can put another folder"
	chmod 755 .
}

test_a_state_directory_that_is_closed_to_the_agent_is_an_error_of_configuration() {
	is_root || skip "needs root: otherwise all roles are one user"
	mkdir -m 700 closed
	www "$(file cert cert)"
	sed -i "s|$dir/state|$dir/closed/state|" everleaf.conf
	for command in check renew status; do
		expect 2 everleaf $command
		says err "state_dir: user 61001, whom the agent runs as, cannot get at $dir/closed/state: $dir/closed is closed"
	done
	[ ! -e closed/state ]
	chmod 711 closed
	expect 0 everleaf check
	expect 0 everleaf renew
}

test_a_group_may_read_what_is_born_in_a_folder_with_a_list_for_new_files() {
	is_root || skip "needs root: nothing can be given to others"
	command -v setfacl >/dev/null || skip "setfacl (Debian: acl) is not installed"
	www "$(file key key 'group = "61008"; mode = "0640";')"
	setfacl -d -m u:61101:r,g::---,o::--- tls || skip "this file system has no access control lists"
	expect 0 everleaf renew
	getfacl -cnp tls/key | has '^group::r--'
	touch tls/key # a look at it in full
	expect 0 everleaf plan
	has_no files-differ <out
}

run_tests "$@"
