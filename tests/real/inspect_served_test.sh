#!/bin/bash
# inspect_served: what inspect says of endpoints, one case for each code of a finding that
# an endpoint can have, at a real server in that state (nginx, openssl), and where none can
# be brought into it at one that is scripted. See inspect_test.sh.
JOBS=${JOBS:-4}
. "$(dirname "$0")/../lib.sh"
. "$root/tests/lib_inspect.sh"

is_open_at() { (: <>"/dev/tcp/$1/$port") 2>/dev/null; }
is_open() { is_open_at 127.0.0.1; }

# openssl s_server on $port
s_server() { # OPTIONS...
	free_port
	openssl s_server -accept "127.0.0.1:$port" -www -quiet "$@" >s_server.out 2>&1 &
	started $!
	until_true 60 is_open
}

# Another configuration, and nothing left of the one before: a worker that is on its way out
# still answers.
restart_nginx() { # [SCRIPT of sed]
	end "$nginx"
	[ $# = 0 ] || sed -i "$1" nginx.conf
	nginx -c "$dir/nginx.conf" -p "$dir"
	until_true 60 test -s "$dir/nginx/pid"
	nginx=$(cat "$dir/nginx/pid")
	started "$nginx"
	until_true 60 is_open
}

# What answers each connection as PYTHON has it, which finds it in `c`.
scripted() { # PYTHON
	free_port
	cat >scripted.py <<-P
	import socket, ssl, sys
	s = socket.create_server(("127.0.0.1", $port))
	while True:
	    c = s.accept()[0]
	    try:
	        $1
	    except OSError:
	        pass
	    c.close()
	P
	python3 scripted.py &
	started $!
	until_true 60 is_open
}

# A leaf for 127.0.0.1 by the family's intermediate.
here() { # [EXTENSIONS]
	family
	sign here here.example mid "${1-leaf_ext}" IP:127.0.0.1,DNS:localhost
	cat here.pem mid.pem >here-full.pem
}

test_what_is_right_is_explained() {
	here
	start_nginx "$dir/here-full.pem" "$dir/here.key"
	expect 0 inspect "127.0.0.1:$port"
	has 'nothing is wrong with it' <out
	has '127.0.0.1:[0-9]* TLSv1.[23]' <out
	has 'trusted: CN=Lab Root' <out
	expect 0 inspect "https://127.0.0.1:$port/path?query"
	mask <out >said
	same served.txt
	SSL_CERT_FILE=/dev/null expect 0 inspect "127.0.0.1:$port" root.pem
}

test_tls_is_asked_for_in_the_words_of_the_protocol() {
	here
	scripted 'c.send(b"220 hi\r\n"); c.recv(99); c.send(b"250 STARTTLS\r\n"); c.recv(99); c.send(b"220 go\r\n"); t = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER); t.load_cert_chain("here-full.pem", "here.key"); t.wrap_socket(c, server_side=True).recv(1)'
	expect 0 inspect "smtp://127.0.0.1:$port"
	has 'trusted: CN=Lab Root' <out
}

test_what_is_neither_a_file_nor_an_endpoint_is_a_mistake_of_usage() {
	expect 2 inspect www.example
	says err "No such file"
	expect 2 inspect www.example:99999
}

test_name_unknown() {
	local status=0
	timeout 10 getent hosts nowhere.invalid || status=$?
	[ $status = 2 ] || skip "look-ups of names that do not exist take long here, or find one"
	expect 1 inspect nowhere.invalid:443
	why name-unknown.txt 's/nowhere.invalid: .*/nowhere.invalid: WHY/'
	expect 1 inspect --json nowhere.invalid:443
	why name-unknown.json 's/nowhere.invalid: [^"]*/nowhere.invalid: WHY/'
	expect 1 inspect --log nowhere.invalid:443
	why name-unknown.log 's/nowhere.invalid: [^"]*/nowhere.invalid: WHY/'
}

why() { # FILE SED: what it says, but for the words of the resolver
	mask <out | sed -E "$2" >said
	same "$1"
}

test_connection_refused() {
	free_port
	explained connection-refused 1 "127.0.0.1:$port"
}

test_no_route() {
	[ "$(id -u)" = 0 ] || skip "a network without routes is made by root"
	unshare --net true || skip "no network of its own can be made here"
	apart=(unshare --net)
	explained no-route 1 192.0.2.1:443
}

# Two addresses of one name, in a file of hosts that nobody else sees.
test_addresses_differ() {
	[ "$(id -u)" = 0 ] || skip "a file of hosts is put in place by root"
	unshare --mount true || skip "no mount of its own can be made here"
	here
	sign other two.example mid leaf_ext DNS:two.example
	sign two two.example mid leaf_ext DNS:two.example
	s_server -cert two.pem -key two.key -cert_chain mid.pem
	openssl s_server -accept "127.0.0.2:$port" -www -quiet -cert other.pem -key other.key -cert_chain mid.pem >other.out 2>&1 &
	started $!
	until_true 60 is_open_at 127.0.0.2
	printf '127.0.0.1 two.example\n127.0.0.2 two.example\n' >hosts
	apart=(unshare --mount sh -c 'mount --bind "$0" /etc/hosts && exec "$@"' "$dir/hosts")
	explained addresses-differ 1 "two.example:$port"
}

test_no_answer() {
	scripted 'c.recv(9999); c.recv(1)'
	explained no-answer 1 "127.0.0.1:$port"
}

test_starttls_refused() {
	scripted 'c.send(b"220 hi\r\n"); c.recv(99); c.send(b"250 mail\r\n"); c.recv(99); c.send(b"502 no\r\n"); c.recv(1)'
	explained starttls-refused 1 "smtp://127.0.0.1:$port"
}

test_wrong_protocol() {
	here
	s_server -cert here.pem -key here.key
	explained wrong-protocol 1 "imap://127.0.0.1:$port"
}

test_not_tls() {
	here
	start_nginx "$dir/here-full.pem" "$dir/here.key"
	restart_nginx 's/ ssl;/;/'
	explained not-tls 1 "127.0.0.1:$port"
}

test_tls_old() {
	here
	s_server -cert here.pem -key here.key -cert_chain mid.pem -tls1_1 -cipher DEFAULT@SECLEVEL=0
	explained tls-old 1 "127.0.0.1:$port"
}

# A server from before TLS 1.0: none can be had.
test_no_common_tls() {
	scripted 'c.recv(9999); c.send(bytes([21, 3, 1, 0, 2, 2, 70])); c.recv(1)'
	explained no-common-tls 1 "127.0.0.1:$port"
}

test_name_refused() {
	here
	start_nginx "$dir/here-full.pem" "$dir/here.key"
	restart_nginx 's/server_name localhost;/& ssl_reject_handshake on;/'
	explained name-refused 1 "127.0.0.1:$port"
}

test_handshake_failed() {
	s_server -nocert
	explained handshake-failed 1 "127.0.0.1:$port"
}

test_client_certificate() {
	here
	start_nginx "$dir/here-full.pem" "$dir/here.key"
	restart_nginx "s|server_name localhost;|& ssl_verify_client on; ssl_client_certificate $dir/root.pem;|"
	explained client-certificate 0 "127.0.0.1:$port"
}

test_name_mismatch() {
	family
	start_nginx "$dir/full.pem" "$dir/www.key"
	explained name-mismatch 1 "127.0.0.1:$port"
}

test_not_a_server() {
	here client_ext
	s_server -cert here.pem -key here.key -cert_chain mid.pem
	explained not-a-server 1 "127.0.0.1:$port"
}

test_staple_missing() {
	authority
	printf '[staple_ext]\nbasicConstraints = CA:false\nextendedKeyUsage = serverAuth\ntlsfeature = status_request\n' >>ca.cnf
	here staple_ext
	s_server -cert here.pem -key here.key -cert_chain mid.pem
	explained staple-missing 1 "127.0.0.1:$port"
}

test_an_endpoint_that_sends_no_chain_has_a_gap() {
	here
	start_nginx "$dir/here.pem" "$dir/here.key"
	expect 1 inspect "127.0.0.1:$port"
	has chain-incomplete <out
	expect 1 inspect "127.0.0.1:$port" mid.pem
	has chain-incomplete <out
}

# What everleaf has installed, and nginx serves.
kept() {
	config <<-'C'
	certificates = ( { name = "www"; names = [ "localhost", "127.0.0.1" ]; issuer = "local"; } );
	C
	expect 0 everleaf renew
	cp state/live/www/fullchain.pem state/live/www/privkey.pem .
	start_nginx "$dir/fullchain.pem" "$dir/privkey.pem"
	export SSL_CERT_FILE=$dir/state/ca/local/root.pem
}

test_old_generation() {
	kept
	expect 0 everleaf inspect "127.0.0.1:$port"
	until_true 60 is_a_second_later fullchain.pem
	expect 0 everleaf renew --force www
	inspect() { everleaf inspect "$@"; }
	explained old-generation 1 "127.0.0.1:$port"
}

is_a_second_later() { # FILE: its certificate began in another second than one of now would
	[ "$(date +%s -d "$(stat -c %y "$1")")" -lt "$(date +%s)" ]
}

test_not_ours() {
	kept
	now_90
	FROM=$(date -u +%Y%m%d%H%M%SZ) # no older than what is live
	sign self self.example self leaf_ext IP:127.0.0.1
	cp self.pem fullchain.pem
	cp self.key privkey.pem
	restart_nginx
	export SSL_CERT_FILE=$dir/self.pem
	inspect() { everleaf inspect "$@"; }
	explained not-ours 1 "127.0.0.1:$port"
}

test_a_configuration_that_is_wrong_is_none() {
	here
	start_nginx "$dir/here-full.pem" "$dir/here.key"
	echo 'certificates = (' | config
	expect 0 everleaf inspect "127.0.0.1:$port"
	is "" "$(cat err)"
}

run_tests "$@"
