#!/bin/bash
# roots: how the roots of a CA are learnt by a fingerprint, how new ones are accepted and
# refused, and what files hold meanwhile. A real EST server is asked in real/est_test.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../lib_pki.sh"
. "$(dirname "$0")/../lib_est.sh"
. "$(dirname "$0")/../lib_roots.sh"

run_faults() {
	free_port
	"$root/tests/tools/est_faults" "$dir" $port >>est.log 2>&1 &
	server=$!
	started $server
	until_true 60 is_answering $port
	host=https://127.0.0.1:$port
}

# www holds the roots of corp in bundle.pem; what its hook finds there is counted.
trusts() { # TRUST [LABEL]
	url=$host/.well-known/est/${2-fine}
	mkdir -p etc
	printf '#!/bin/sh\necho "$EVERLEAF_EVENT $(grep -c BEGIN %s/etc/bundle.pem) $EVERLEAF_ERROR" >>%s/hooked\n' \
		"$dir" "$dir" >hook
	chmod 755 hook
	config <<-C
	issuers = ( { name = "corp"; type = "est"; url = "$url"; trust = "$1"; $(as_user) } );
	defaults = { issuer = "corp"; };
	hooks = ( { name = "look"; run = [ "$dir/hook" ]; on = [ "installed", "root-refused" ]; } );
	certificates = ( { name = "www"; names = [ "www.example.org" ]; hooks = "look"; ${drift-}
	  files = ( { path = "$dir/etc/bundle.pem"; content = "ca"; } ); } );
	C
}

pinned() {
	est_ca
	run_faults
	trusts "sha256:$(fingerprint ca)"
	expect 0 everleaf renew
	is_live_of www 1 1
}

test_the_root_with_the_fingerprint_is_fetched_and_kept() {
	pinned
	holds state/roots/corp.pem ca
	holds etc/bundle.pem ca
	openssl verify -CAfile state/roots/corp.pem state/live/www/cert.pem
	expect 0 everleaf renew
	is_live_of www 1 1
	is "644 0" "$(stat -c '%a' state/roots/corp.pem) $(stat -c %Y state/roots | awk '{ print 0 }')"
}

test_upper_case_and_colons_are_a_fingerprint_too() {
	est_ca
	run_faults
	trusts "SHA256:$(fingerprint ca | tr a-f A-F | sed 's/../&:/g; s/:$//')"
	expect 0 everleaf renew
	holds state/roots/corp.pem ca
}

test_another_root_is_not_taken_and_who_why_and_what_to_do_is_said() {
	est_ca
	openssl_ca other
	run_faults
	trusts "sha256:$(fingerprint other)"
	expect 1 everleaf renew
	says err "corp: its roots are not known: $url: none of the roots that it names is accepted: CN=ca (sha256:$(fingerprint ca)): it has not the fingerprint of trust"
	[ ! -e state/live/www ] && [ ! -e state/roots/corp.pem ]
	[ ! -e est.asked ] # no password went there
}

test_what_has_the_fingerprint_and_is_no_root_or_has_expired_is_refused() {
	est_ca
	openssl_ca below ca
	cat ca.pem below.pem >cas.pem
	run_faults
	trusts "sha256:$(fingerprint below)"
	expect 1 everleaf renew
	says err "the certificate with the fingerprint of trust is no root: it is not signed by its own key"
	# shellcheck disable=SC2046
	openssl x509 -req -in ca.csr -signkey ca.key $(ended) -out cas.pem -extfile <(
		printf '%s\n' basicConstraints=critical,CA:TRUE keyUsage=critical,keyCertSign) 2>/dev/null
	trusts "sha256:$(fingerprint cas)"
	expect 1 everleaf renew
	says err "no root: it has expired"
}

test_a_bootstrap_that_fails_says_at_which_step() {
	est_ca
	run_faults
	trusts "sha256:$(fingerprint ca)" cas-html
	expect 1 everleaf renew
	says err "corp: its roots are not known: $url/cacerts: it sends no PKCS #7 in base64, or not all of it"
	trusts "sha256:$(fingerprint ca)" cas-endless
	expect 1 everleaf renew
	says err "its answer is too large (body)"
	trusts "sha256:$(fingerprint ca)" cas-500
	expect 1 everleaf renew
	says err "$url/cacerts: the CA answers 500"
	[ ! -e state/roots/corp.pem ]
	trusts "sha256:$(fingerprint ca)"
	expect 0 everleaf renew
	is_live_of www 1 1
}

test_a_new_root_signed_by_the_old_one_joins_it_and_files_hold_both() {
	pinned
	new_root new ca cross
	cat ca.pem new.pem cross.pem >cas.pem
	long_ago
	expect 0 everleaf renew
	says err "corp: trusted from now on: CN=new"
	holds state/roots/corp.pem ca new
	holds etc/bundle.pem ca new
	is_live_of www 1 1
	is "installed 2 " "$(tail -n 1 hooked)"
}

test_a_new_root_that_nobody_has_signed_is_refused_and_told_once() {
	pinned
	new_root evil
	cat ca.pem evil.pem >cas.pem
	long_ago
	expect 0 everleaf renew
	says err "corp names a root that is refused: CN=evil (sha256:$(fingerprint evil)): no root that is trusted so far has signed it. If it is right"
	is 1 "$(grep -c '^root-refused 1 corp names a root' hooked)"
	holds etc/bundle.pem ca
	holds state/roots/corp.pem ca
	long_ago
	expect 0 everleaf renew
	is 1 "$(grep -c ^root-refused hooked)"
}

test_one_that_only_looks_as_if_it_were_signed_is_refused() {
	pinned
	new_root new ca cross
	openssl_ca liar
	new_root forged liar cross2 # by one that nobody trusts
	cat ca.pem forged.pem cross2.pem cross.pem liar.pem >cas.pem
	long_ago
	expect 0 everleaf renew
	holds state/roots/corp.pem ca
	holds etc/bundle.pem ca
}

test_a_fingerprint_that_a_person_sets_anew_is_a_reason_too() {
	pinned
	new_root new
	cat ca.pem new.pem >cas.pem
	trusts "sha256:$(fingerprint new)"
	long_ago
	expect 0 everleaf renew
	holds state/roots/corp.pem ca new
	holds etc/bundle.pem ca new
}

test_a_file_holds_the_new_root_before_the_first_leaf_and_loses_the_old_with_the_last() {
	pinned
	new_root new ca cross
	cat ca.pem new.pem cross.pem >cas.pem
	moves_to new
	cat new.pem cross.pem >cas.pem # it names the old one no more
	long_ago
	expect 0 everleaf renew --force www
	is_live_of www 2 2
	openssl verify -CAfile new.pem state/live/www/cert.pem
	is "installed 1 
installed 2 " "$(head -n 2 hooked)"
	long_ago
	expect 0 everleaf renew
	says err "corp: no more trusted, nothing live leads to it: CN=ca"
	holds state/roots/corp.pem new
	holds etc/bundle.pem new
	is "installed 1 " "$(tail -n 1 hooked)"
}

# Who shows the new leaf is not believed before the file is loaded.
test_a_leaf_of_the_new_root_waits_until_the_file_of_another_certificate_is_loaded() {
	est_ca
	run_faults
	mkdir etc
	printf '#!/bin/sh\necho "$EVERLEAF_NAMES $(grep -c BEGIN %s/etc/bundle.pem)" >>%s/hooked\n' \
		"$dir" "$dir" >hook
	chmod 755 hook
	config <<-C
	issuers = ( { name = "corp"; type = "est"; url = "$host/.well-known/est/fine";
	  trust = "sha256:$(fingerprint ca)"; $(as_user) } );
	defaults = { issuer = "corp"; };
	hooks = ( { name = "server"; run = [ "$dir/hook" ]; }, { name = "client"; run = [ "$dir/hook" ]; } );
	certificates = ( { name = "client"; names = "client.example.org"; usage = "client"; hooks = "client"; },
	  { name = "www"; names = [ "www.example.org" ]; hooks = "server";
	  files = ( { path = "$dir/etc/bundle.pem"; content = "ca"; } ); } );
	C
	expect 0 everleaf renew
	new_root new ca cross
	moves_to new
	cat new.pem cross.pem >cas.pem
	long_ago
	: >hooked
	expect 0 everleaf renew --force client
	is_live_of client 2 2
	is_live_of www 1 1
	is "www 2
client 2" "$(cat hooked)"
	holds etc/bundle.pem old new
}

test_the_agent_asks_again_after_a_day_and_installs_what_is_new() {
	pinned
	new_root new ca cross
	cat ca.pem new.pem cross.pem >cas.pem
	long_ago
	start_agent
	until_true 60 grep -q 'installed 2' hooked
	holds etc/bundle.pem ca new
	is_live_of www 1 1
	is "fine fine" "$(tail -n 2 est.cas | xargs)"
	is 3 "$(wc -l <est.cas)" # the first time, with the order, and now
}

test_garbage_and_silence_leave_what_there_is() {
	pinned
	local label
	for label in cas-html cas-500 cas-endless cas-cut; do
		trusts "sha256:$(fingerprint ca)" $label
		long_ago
		expect 0 everleaf renew
		says err "corp: its roots are not known anew: $url/cacerts: "
		holds etc/bundle.pem ca
		holds state/roots/corp.pem ca
	done
	is_live_of www 1 1
}

test_a_server_of_a_root_that_is_not_kept_is_not_believed() {
	pinned
	openssl_ca other
	trusts "sha256:$(fingerprint ca)"
	cp other.pem state/roots/corp.pem
	long_ago
	expect 0 everleaf renew
	says err "corp: its roots are not known anew: "
	says err "its root is not in $dir/state/roots/corp.pem"
}

# What a person trusts stands in anchors.pem, and is put there at once.
anchors() { # ROOT...
	for r in "$@"; do cat "$r.pem"; done >anchors.new
	mv anchors.new anchors.pem
}

by_file() {
	est_ca
	run_faults
	anchors ca
	trusts "$dir/anchors.pem"
	expect 0 everleaf renew
	holds etc/bundle.pem ca
}

bundle_holds() { # ROOT...
	(holds etc/bundle.pem "$@") 2>/dev/null >/dev/null
}

test_a_file_that_is_replaced_is_taken_up_by_the_agent_that_runs() {
	by_file
	cp ca.pem first.pem
	openssl_ca new
	start_agent
	: >hooked
	anchors first new
	until_true 60 grep -q 'installed 2' hooked
	holds etc/bundle.pem first new
	is_live_of www 1 1
	moves_to new
	expect 0 everleaf renew --force www
	is_live_of www 2 2
	holds etc/bundle.pem first new
	anchors new
	until_true 60 bundle_holds new
	until_true 60 grep -q 'installed 1' hooked
	expect 0 everleaf history www
	is 2 "$(grep -c 'roots-changed' out)"
	says out "corp: trusted from now on: CN=new"
	says out "corp: no more trusted, nothing live leads to it: CN=ca"
	has_no repaired <out
	has_no drift <out
}

test_a_file_that_was_replaced_meanwhile_is_taken_up_by_the_next_run() {
	by_file
	openssl_ca new
	expect 0 everleaf renew
	is 1 "$(wc -l <hooked)"
	anchors ca new
	expect 0 everleaf renew
	holds etc/bundle.pem ca new
	is "installed 2 " "$(tail -n 1 hooked)"
	is_live_of www 1 1
}

test_a_file_that_is_broken_leaves_what_there_is() {
	by_file
	echo "no certificate" >anchors.pem
	expect 0 everleaf renew
	says err "corp: its roots are not known anew: trust $dir/anchors.pem: "
	holds etc/bundle.pem ca
	is_live_of www 1 1
}

# The host trusts what is in ./store alone.
with_store() {
	unshare --mount sh -c 'mount --bind store /etc/ssl/certs && exec "$@"' - \
		"$BUILD/everleaf" -c "$dir/everleaf.conf" "$@"
}

test_from_issuer_takes_what_a_server_names_that_the_host_trusts_and_keeps_it() {
	unshare --mount true 2>/dev/null || skip "no file system can be mounted here"
	est_ca
	openssl_ca other
	mkdir store
	cp other.pem store/other.crt
	openssl rehash store
	run_faults
	trusts from-issuer
	expect 1 with_store renew
	says err "corp: its roots are not known: "
	says err "its root is not in the system's store"
	[ ! -e state/roots/corp.pem ]
	cp ca.pem store/ca.crt
	openssl rehash store
	expect 0 with_store renew www
	holds state/roots/corp.pem ca
	holds etc/bundle.pem ca
	new_root evil
	cat ca.pem evil.pem >cas.pem
	cp evil.pem store/evil.crt # what the host trusts does not count any more
	openssl rehash store
	long_ago
	expect 0 with_store renew --force www
	says err "corp names a root that is refused: CN=evil"
	holds etc/bundle.pem ca
	is_live_of www 2 2
}

# What is put into its place in these folders, a line each in ./moved.
watch_moves() { # FOLDER...
	python3 - "$@" <<-'P' >moved &
	import ctypes, os, struct, sys
	libc = ctypes.CDLL(None)
	fd = libc.inotify_init()
	for folder in sys.argv[1:]:
	    libc.inotify_add_watch(fd, folder.encode(), 0x80)
	print("ready", flush=True)
	while True:
	    data, at = os.read(fd, 4096), 0
	    while at < len(data):
	        n = struct.unpack_from("iIII", data, at)[3]
	        print(data[at + 16:at + 16 + n].rstrip(b"\0").decode(), flush=True)
	        at += 16 + n
	P
	started $!
	until_true 60 grep -q ready moved
}

test_a_file_of_roots_is_written_before_the_link_to_the_leaf_moves() {
	est_ca
	openssl_ca new
	run_faults
	cp ca.pem anchors.pem
	trusts "$dir/anchors.pem"
	expect 0 everleaf renew
	holds etc/bundle.pem ca
	cat ca.pem new.pem >anchors.pem
	moves_to new
	watch_moves etc state/live
	expect 0 everleaf renew --force www
	until_true 60 grep -qx www moved
	is "ready bundle.pem www" "$(head -n 3 moved | xargs)"
	holds etc/bundle.pem old new
}

# Whenever it is killed: what is live leads to a root of the file.
test_a_kill_at_any_moment_leaves_the_roots_of_what_is_live() {
	local i ms
	pinned
	cp ca.pem first.pem
	cp ca.key first.key
	for i in 1 2 3 4 5 6 7 8; do
		cp ca.pem was.pem
		cp ca.key was.key
		new_root r$i was cross$i
		cp r$i.pem ca.pem
		cp r$i.key ca.key
		cat first.pem was.pem r$i.pem cross$i.pem >cas.pem
		long_ago
		for ms in 0.05 0.1 0.15 0.2 0.3 0.4; do
			timeout -s KILL $ms "$BUILD/everleaf" -c "$dir/everleaf.conf" renew --force www \
				>>killed.out 2>&1 || :
			no_role_is_left
			openssl verify -CAfile etc/bundle.pem -untrusted state/live/www/fullchain.pem \
				state/live/www/cert.pem
		done
		expect 0 everleaf renew
		expect 0 everleaf renew --force www
		openssl verify -CAfile etc/bundle.pem state/live/www/cert.pem
	done
}

run_tests "$@"
