#!/bin/bash
# acme_answers: what a CA may say, though few do: the certificate comes nevertheless, and
# nothing that everleaf sends breaks the RFC. More of it is in tests/liars/acme.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../lib_acme.sh"

# The CA says what is on stdin, and the first certificate is had.
issues() { # [SETTINGS of the certificate [of the issuer]]
	start_ca
	acme "$@"
	expect 0 timeout 60 "$BUILD/everleaf" -c everleaf.conf renew
	is_live_of www 1 1
	is_whole www
	is 1 "$(asked order)"
	no_token_is_left
	no_fault
}

test_a_ca_that_agrees_at_once_needs_seven_requests() {
	issues </dev/null
	expect 0 everleaf renew --force www
	is_live_of www 2 2
	is 2 "$(asked directory)"
	is 2 "$(asked order)"
	is 2 "$(asked finalize)"
	is 2 "$(asked cert)"
	no_fault
}

# RFC 8555 7.4: what most CAs refuse is sent where it is configured only, and told then.
test_dates_are_asked_for_when_they_are_configured() {
	issues </dev/null
	grep '^order ' ca/log | has_no 'not\(Before\|After\)'
	script <<-S
	order * problem malformed NotBefore and NotAfter are not supported
	S
	acme 'names = "www.example.org";' 'lifetime = "30h";'
	expect 1 everleaf renew --force www
	says err 'malformed: "NotBefore and NotAfter are not supported"'
	grep '^order 2 ' ca/log | has "\"notAfter\": *\"20"
	grep '^order 2 ' ca/log | has_no notBefore
	is_live_of www 1 1
}

# Directory, nonce and account are asked for once, and the connection is kept.
test_many_certificates_share_connection_account_and_nonces() {
	start_ca </dev/null
	acme "names = \"www.example.org\"; } $(printf ', { names = "n%s.example.org"; }' {1..19} | sed 's/ }$//')" \
		'parallel = 1;'
	expect 0 everleaf renew
	is 20 "$(ls state/live | wc -l)"
	is 1 "$(asked connect)"
	is 1 "$(asked directory)"
	is 1 "$(asked nonce)"
	[ "$(asked account)" -le 2 ]
	[ "$(grep -cvE '^(connect|directory|nonce|account) ' ca/log)" -le $((20 * 9)) ]
	no_fault
}

test_a_retry_after_in_seconds_is_kept() {
	local begin=$SECONDS
	issues <<-S
	poll 1 set status "pending"
	poll 1 header Retry-After: 2
	S
	[ $((SECONDS - begin)) -ge 2 ]
	is 2 "$(asked poll)"
}

test_a_retry_after_of_a_challenge_is_kept() {
	local begin=$SECONDS
	issues <<-S
	challenge 1 set status "processing"
	challenge 1 header Retry-After: 3
	S
	[ $((SECONDS - begin)) -ge 3 ]
	is 1 "$(asked poll)"
}

test_a_retry_after_may_be_a_date() {
	local begin=$SECONDS
	issues <<-S
	poll 1 set status "pending"
	poll 1 header Retry-After: $(LC_ALL=C TZ=GMT date -d '+3 seconds' '+%a, %d %b %Y %H:%M:%S GMT')
	S
	[ $((SECONDS - begin)) -ge 1 ]
	[ "$(asked poll)" -le 3 ]
}

test_a_clock_that_is_not_that_of_the_ca_is_told_of_once() {
	start_ca <<-S
	directory * header Date: $(date -u -d '-190 minutes' '+%a, %d %b %Y %H:%M:%S GMT')
	S
	acme 'names = "www.example.org"; }, { name = "two"; names = "two.example.org";'
	expect 0 everleaf renew
		is 1 "$(grep -c 'the clock of this host is 3h 10m ahead of that of ca' err)"
	script <<-S
	directory * header Date: $(date -u -d '+2970 minutes' '+%a, %d %b %Y %H:%M:%S GMT')
	S
	expect 0 everleaf renew --force www
	says err 'is 2d 1h behind that of ca'
	script <<-S
	directory * header Date: $(date -u -d '+30 seconds' '+%a, %d %b %Y %H:%M:%S GMT')
	S
	expect 0 everleaf renew --force www
	not grep "the clock of" err
	script <<-S
	directory * header Date: yesterday
	S
	expect 0 everleaf renew --force www
	not grep "the clock of" err
}

# -- the way there, and who waits for it --

test_a_ca_is_reached_from_the_configured_address() {
	start_ca </dev/null
	acme 'names = "www.example.org";' 'source_address = "127.0.0.2";'
	expect 0 everleaf renew
	is 127.0.0.2 "$(sed -n 's/^connect [0-9]* //p' ca/log | sort -u)"
}

# A host that boots, or an address that another host of a pair has now.
test_a_configured_address_that_is_not_there_is_tried_again_soon() {
	start_ca </dev/null
	acme 'names = "www.example.org";' 'source_address = "192.0.2.77";'
	expect 1 everleaf renew
	says err "source_address 192.0.2.77 is not of this host, or not now"
	[ $(($(date -d "$(status_of www next_at)" +%s) - $(date +%s))) -lt 300 ]
}

# A proxy that notes whom it is asked for, at $port.
start_proxy() {
	free_port
	python3 - "$port" >proxied <<-'P' &
	import socket, sys, threading
	def copy(a, b):
	    while data := a.recv(65536):
	        b.sendall(data)
	    b.shutdown(socket.SHUT_WR)
	listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
	while True:
	    client, head = listener.accept()[0], b""
	    while not head.endswith(b"\r\n\r\n") and (byte := client.recv(1)):
	        head += byte
	    if not head:
	        continue
	    print(head.split(b"\r\n")[0].decode(), flush=True)
	    host, port = head.split()[1].decode().rsplit(":", 1)
	    server = socket.create_connection(("127.0.0.1", int(port)))
	    client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
	    for pair in (client, server), (server, client):
	        threading.Thread(target=copy, args=pair, daemon=True).start()
	P
	started $!
	until_true 60 bash -c "exec 3<>/dev/tcp/127.0.0.1/$port"
}

test_a_ca_is_reached_by_the_configured_proxy() {
	start_ca </dev/null
	start_proxy
	acme 'names = "www.example.org";' "proxy = \"http://127.0.0.1:$port\";"
	expect 0 everleaf renew
	is_live_of www 1 1
	grep -q "^CONNECT localhost:$(cat ca/port) " proxied
	no_fault
}

at_a_terminal() { # ARGUMENT...: of everleaf; what a person sees
	python3 -c 'import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)' \
		"$BUILD/everleaf" -c everleaf.conf "$@" </dev/null
}

test_who_waits_at_a_terminal_sees_how_far_it_is() {
	start_ca <<-S
	poll 1-2 set status "pending"
	poll 1-2 header Retry-After: 2
	S
	acme
	NO_COLOR='' at_a_terminal renew >seen
	grep -q "ordering . of 1" seen
	grep -q "1 parked" seen
	is_live_of www 1 1
	script <<-S
	poll 4 set status "pending"
	poll 4 header Retry-After: 2
	S
	NO_COLOR=1 at_a_terminal renew --force www >seen
	not grep -q "ordering" seen
	is_live_of www 2 2
}

test_urls_are_used_byte_for_byte() {
	start_ca </dev/null
	acme
	expect 0 everleaf account ca register
	script <<-S
	any * sub /finalize/2 "/finalize/2?x=%2f%2F&y=a+b&%7e=~;!"
	order 1 header Location: https://localhost:$(cat ca/port)/poll/2?
	S
	expect 0 everleaf renew
	grep -qF '/finalize/2?x=%2f%2F&y=a+b&%7e=~;!' ca/log
	grep -qF 'poll 1 /poll/2? ' ca/log
	is_live_of www 1 1
	no_fault
}

test_an_account_that_is_made_may_be_answered_as_one_that_was_there() {
	issues <<-S
	account * status 200
	account * set magic {"a": [1, 2, null]}
	account * without Replay-Nonce
	S
}

test_an_account_that_is_gone_is_made_again() {
	start_ca </dev/null
	acme
	expect 0 everleaf renew
	script <<-S
	order 2 problem accountDoesNotExist who are you
	S
	expect 0 everleaf renew --force www
	is_live_of www 2 2
	no_fault
}

test_an_account_key_that_the_ca_does_not_take_is_made_of_another_kind() {
	start_ca <<-S
	account 1 problem badSignatureAlgorithm use another
	account 1 set algorithms [ "ES256" ]
	S
	acme 'names = "www.example.org";' 'account_key = "ed25519";'
	expect 0 everleaf renew
	is_live_of www 1 1
	openssl pkey -in state/accounts/ca/account.key -noout -text | has 'P-256'
}

test_an_order_that_is_gone_when_it_is_come_back_to_is_made_anew() {
	start_ca <<-S
	poll 1 set status "pending"
	poll 1 header Retry-After: 2
	S
	acme
	expect 1 everleaf renew --wait 1s
	says err "parked until"
	script <<-S
	poll 2 problem malformed no such order
	poll 2 status 404
	S
	sleep 2
	expect 0 everleaf renew
	is_live_of www 1 1
	is 2 "$(asked order)"
	no_token_is_left
}

# A CA that is two servers, of which one has not heard of it yet.
test_a_certificate_that_is_not_there_yet_is_not_ordered_again() {
	issues <<-S
	finalize 1 unset certificate
	poll 2 unset certificate
	S
	is 1 "$(asked finalize)"
	script <<-S
	cert 2-3 problem malformed no such certificate
	cert 2-3 status 404
	S
	expect 1 everleaf renew --force www
	says err 'certificate: the CA answers 404: malformed: "no such certificate"'
	expect 1 everleaf renew www
	expect 0 everleaf renew www
	is_live_of www 2 2
	is 2 "$(asked order)"
	is 2 "$(asked finalize)"
}

run_tests "$@"
