# lib_mtls: servers that take who has a certificate of a CA and is not on its CRL. To be
# sourced after lib.sh. Each is a row of functions:
#
#     SERVER_is_there       skips the case where it is not installed
#     SERVER_starts         on $port, with the CA tls/ca.pem and the CRL tls/clients.crl;
#                           its process in $server
#     SERVER_hook           its line in `hooks`: what makes it read the CRL again
#     SERVER_takes NAME     whether it serves who has NAME.pem and NAME.key
#
# Their own certificate is tls/server.pem, its key too. Started by root they run as a user
# who owns it: $as.
PATH=$PATH:/usr/sbin:/sbin
as=nobody

mtls_files() { # CA CRL: into tls/ what they read first
	placeholder tls/server.pem
	cp "$1" tls/ca.pem
	cp "$2" tls/clients.crl
	! is_root || chown $as tls/server.pem
}

needs() { # PROGRAM...
	local program
	for program; do
		command -v "$program" >/dev/null || skip "$program is not installed"
	done
}

# What it says is in server.out; it is ended with the case.
starts_by() { # COMMAND...
	says_anew "$dir/server.out"
	"$@" >"$dir/server.out" 2>&1 </dev/null &
	server=$!
	started $server
	until_true 60 listens_or_ended
}

listens_or_ended() {
	! kill -0 $server || (exec 8<>"/dev/tcp/127.0.0.1/$port")
}

# The event that a CRL was written is the only one these hooks are for.
mtls_hook() { # WORDS of `run`, as a list of libconfig
	printf '{ name = "server"; on = [ "crl-updated" ]; run = [ %s ]; %s }' "$1" "${2-}"
}

# Of a page.
gets_page() { # NAME
	[ "$(curl -sS -k -o /dev/null -w '%{http_code}' --cert "$1.pem" --key "$1.key" "https://127.0.0.1:$port/")" = 200 ]
}

# -- nginx --

nginx_is_there() {
	needs nginx
}

nginx_starts() {
	nginx_config $port "$dir/tls/server.pem" "$dir/tls/server.pem"
	sed -i "s|server_name localhost;|&\nssl_client_certificate $dir/tls/ca.pem;\nssl_verify_client on;\nssl_crl $dir/tls/clients.crl;|" nginx.conf
	starts_by nginx -g "daemon off;" -c "$dir/nginx.conf" -p "$dir"
}

nginx_hook() {
	mtls_hook "\"nginx\", \"-s\", \"reload\", \"-c\", \"$dir/nginx.conf\", \"-p\", \"$dir\""
}

nginx_takes() { # NAME
	gets_page "$1"
}

# -- HAProxy --

haproxy_is_there() {
	needs haproxy
}

haproxy_starts() {
	cat >haproxy.cfg <<-C
	defaults
		mode http
		timeout connect 60s
		timeout client 60s
		timeout server 60s
	frontend here
		bind 127.0.0.1:$port ssl crt $dir/tls/server.pem ca-file $dir/tls/ca.pem crl-file $dir/tls/clients.crl verify required
		http-request return status 200
	C
	starts_by haproxy -W -f "$dir/haproxy.cfg" -p "$dir/haproxy.pid"
}

haproxy_hook() {
	mtls_hook "\"pkill\", \"-USR2\", \"-o\", \"-F\", \"$dir/haproxy.pid\""
}

haproxy_takes() { # NAME
	gets_page "$1"
}

# -- Apache httpd --

apache_is_there() {
	needs apache2
	apache_modules=/usr/lib/apache2/modules
}

apache_starts() {
	cat >apache.conf <<-C
	ServerRoot $dir
	ServerName localhost
	DefaultRuntimeDir $dir
	PidFile $dir/apache.pid
	ErrorLog $dir/apache.log
	Listen 127.0.0.1:$port
	LoadModule mpm_event_module $apache_modules/mod_mpm_event.so
	LoadModule authz_core_module $apache_modules/mod_authz_core.so
	LoadModule ssl_module $apache_modules/mod_ssl.so
	$(! is_root || echo "User $as")
	DocumentRoot $dir/page
	SSLEngine on
	SSLCertificateFile $dir/tls/server.pem
	SSLCACertificateFile $dir/tls/ca.pem
	SSLVerifyClient require
	SSLVerifyDepth 5
	SSLCARevocationCheck chain
	${apache_lists-SSLCARevocationFile $dir/tls/clients.crl}
	C
	mkdir page
	echo ok >page/index.html
	starts_by apache2 -f "$dir/apache.conf" -DFOREGROUND
}

apache_hook() {
	mtls_hook "\"apache2\", \"-f\", \"$dir/apache.conf\", \"-k\", \"graceful\""
}

apache_takes() { # NAME
	[ "$(curl -sS -k --cert "$1.pem" --key "$1.key" "https://127.0.0.1:$port/index.html")" = ok ]
}

# -- ... with a folder of lists, as OpenSSL looks them up --

apache_with_a_folder_is_there() {
	apache_is_there
}

apache_with_a_folder_starts() {
	local apache_lists="SSLCARevocationPath $dir/tls/crls"
	apache_starts
}

apache_with_a_folder_hook() {
	apache_hook
}

apache_with_a_folder_takes() { # NAME
	apache_takes "$1"
}

# -- PostgreSQL --

# Those of Debian are beside each other, none of them in PATH.
postgres_is_there() {
	local newest=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
	PATH=$PATH:$newest
	needs initdb pg_ctl postgres psql
}

# Not as root, which it refuses.
owner=()
! is_root || owner=(setpriv --reuid=postgres --regid=postgres --clear-groups)

postgres_starts() {
	mkdir -m 700 db
	! is_root || chown postgres db tls/server.pem
	"${owner[@]}" initdb -D "$dir/db" -A trust -U postgres --no-sync --no-locale >/dev/null
	echo 'hostssl all all 127.0.0.1/32 trust clientcert=verify-ca' >db/pg_hba.conf
	cat >>db/postgresql.conf <<-C
	listen_addresses = '127.0.0.1'
	port = $port
	unix_socket_directories = ''
	fsync = off
	ssl = on
	ssl_cert_file = '$dir/tls/server.pem'
	ssl_key_file = '$dir/tls/server.pem'
	ssl_ca_file = '$dir/tls/ca.pem'
	ssl_crl_file = '$dir/tls/clients.crl'
	C
	starts_by "${owner[@]}" postgres -D "$dir/db"
	until_true 60 grep -q 'ready to accept' server.out
}

postgres_hook() {
	mtls_hook "\"$(command -v pg_ctl)\", \"reload\", \"-D\", \"$dir/db\"" \
		"$(! is_root || echo 'user = "postgres";')"
}

postgres_takes() { # NAME
	[ "$(psql -At -c 'SELECT 7' "host=127.0.0.1 port=$port user=postgres dbname=postgres
		sslmode=require sslcert=$dir/$1.pem sslkey=$dir/$1.key")" = 7 ]
}

# -- OpenVPN: it reads the list itself when that is another one --

openvpn_is_there() {
	needs openvpn
}

openvpn_starts() {
	starts_by openvpn --dev tun --mode server --tls-server --proto tcp-server --local 127.0.0.1 \
		--port "$port" --duplicate-cn --dh none --ca "$dir/tls/ca.pem" --cert "$dir/tls/server.pem" \
		--key "$dir/tls/server.pem" --crl-verify "$dir/tls/clients.crl"
	! grep -q 'ERROR: Cannot .*TUN' server.out || skip "openvpn gets no tun device here"
}

openvpn_hook() {
	mtls_hook '"true"'
}

openvpn_takes() { # NAME
	local said=$(mktemp "$dir/openvpn.XXXXXX") client status=1
	openvpn --dev null --client --proto tcp-client --remote 127.0.0.1 "$port" --nobind \
		--ca tls/server.pem --cert "$1.pem" --key "$1.key" \
		--tls-exit --remap-usr1 SIGTERM --connect-retry-max 1 --verb 3 >"$said" 2>&1 &
	client=$!
	while [ $status = 1 ] && kill -0 $client 2>/dev/null; do
		! grep -q 'Initialization Sequence Completed' "$said" || status=0
		sleep 0.02
	done
	kill $client 2>/dev/null || :
	wait $client || :
	return $status
}

# -- Mosquitto --

mosquitto_is_there() {
	needs mosquitto mosquitto_pub
}

mosquitto_starts() {
	cat >mosquitto.conf <<-C
	listener $port 127.0.0.1
	allow_anonymous true
	cafile $dir/tls/ca.pem
	certfile $dir/tls/server.pem
	keyfile $dir/tls/server.pem
	crlfile $dir/tls/clients.crl
	require_certificate true
	pid_file $dir/mosquitto.pid
	$(! is_root || echo "user $as")
	C
	: >mosquitto.pid
	! is_root || chown $as mosquitto.pid
	starts_by mosquitto -c "$dir/mosquitto.conf"
}

mosquitto_hook() {
	mtls_hook "\"pkill\", \"-HUP\", \"-F\", \"$dir/mosquitto.pid\""
}

mosquitto_takes() { # NAME
	mosquitto_pub -h 127.0.0.1 -p "$port" --cafile tls/server.pem --insecure \
		--cert "$1.pem" --key "$1.key" -t t -m x
}
