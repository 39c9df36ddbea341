#!/bin/bash
# ready_hooks: the hooks that are there ready-made, each with the real server as Debian
# configures it: what `test` refuses, and what is served after `run`. The servers live in
# mounts, processes and a network of this suite's own, so that their usual places and ports
# are free, and nobody else's server is taken for one of them.
if [ "$(id -u)" = 0 ] && [ -z "${OWN_HOST-}" ] && unshare --mount --net --pid --fork --mount-proc true 2>/dev/null; then
	OWN_HOST=1 exec unshare --mount --propagation private --net --pid --fork --kill-child --mount-proc "$0" "$@"
fi
. "$(dirname "$0")/../lib.sh"
. "$root/tests/lib_mtls.sh"

if [ -n "${OWN_HOST-}" ]; then
	ip link set lo up && mount -t tmpfs run /run && mkdir /run/lock &&
		mount -t tmpfs log /var/log && mkdir /var/log/apache2 || exit 1
fi

# -- the servers: SERVER_is_set_up to serve tls/www.pem, SERVER_starts, SERVER_is_broken --
#
# SERVER_at: what s_client needs to ask it, in at; who must own its file, in owner. In a
# session hello is said before a reload and line after it, and answer is in what it answers.

own() { # FOLDER of this host: a copy takes its place
	local copy=$dir/own$1
	mkdir -p "$(dirname "$copy")"
	cp -a "$1" "$copy"
	mount --bind "$copy" "$1"
}

haproxy_at() {
	at=(-connect 127.0.0.1:443) line='GET / HTTP/1.0\r\n\r\n' answer=200
}

haproxy_is_set_up() {
	own /etc/haproxy
	sed -i '/^ *log\|stats socket/d' /etc/haproxy/haproxy.cfg
	cat >>/etc/haproxy/haproxy.cfg <<-C
	frontend here
		bind 127.0.0.1:443 ssl crt $dir/tls/www.pem
		http-request return status 200
	C
}

haproxy_starts() {
	haproxy -W -D -f /etc/haproxy/haproxy.cfg -p /run/haproxy.pid # as its unit does
}

haproxy_is_broken() {
	echo bogus >>/etc/haproxy/haproxy.cfg
	says_why="unknown keyword 'bogus'"
}

apache_at() {
	at=(-connect 127.0.0.1:8443) hello='GET / HTTP/1.0\r\n' line='\r\n' answer=HTTP/1
}

apache_is_set_up() {
	own /etc/apache2
	ln -s ../mods-available/{ssl,socache_shmcb}.load /etc/apache2/mods-enabled/
	cat >/etc/apache2/ports.conf <<-C
	ServerName localhost
	Listen 127.0.0.1:8443
	C
	cat >/etc/apache2/sites-enabled/000-default.conf <<-C
	<VirtualHost *:8443>
	SSLEngine on
	SSLCertificateFile $dir/tls/www.pem
	</VirtualHost>
	C
}

apache_starts() {
	apache2ctl start
}

apache_is_broken() {
	echo Bogus >>/etc/apache2/ports.conf
	says_why="Invalid command 'Bogus'"
}

postfix_at() {
	at=(-starttls smtp -connect 127.0.0.1:25) line='NOOP\r\n' answer='250 2.0.0'
}

postfix_is_set_up() {
	own /etc/postfix
	own /var/lib/postfix
	own /var/spool/postfix
	cat >/etc/postfix/main.cf <<-C
	compatibility_level = 3.6
	myhostname = localhost
	inet_interfaces = 127.0.0.1
	maillog_file = /var/log/mail.log
	max_use = 10000
	smtpd_tls_chain_files = $dir/tls/www.pem
	smtpd_tls_security_level = may
	C
}

postfix_starts() {
	postfix start
}

postfix_is_broken() {
	echo bogus >>/etc/postfix/main.cf
	says_why="missing '=' after attribute name"
}

dovecot_at() {
	at=(-connect 127.0.0.1:993) line='a NOOP\r\n' answer='a OK'
}

dovecot_is_set_up() {
	own /etc/dovecot
	own /var/lib/dovecot
	cat >/etc/dovecot/dovecot.conf <<-C
	log_path = /var/log/dovecot
	listen = 127.0.0.1
	protocols = imap
	ssl_cert = <$dir/tls/www.pem
	ssl_key = <$dir/tls/www.pem
	passdb {
	  driver = static
	}
	C
}

dovecot_starts() {
	dovecot
}

dovecot_is_broken() {
	echo bogus >>/etc/dovecot/dovecot.conf
	says_why="dovecot.conf line 9"
}

postgresql_at() {
	at=(-starttls postgres -connect 127.0.0.1:5432) owner=postgres line=
}

postgresql_is_set_up() {
	local folder
	version=$(ls /usr/lib/postgresql | sort -V | tail -n 1)
	for folder in /etc/postgresql /var/lib/postgresql; do
		mount -t tmpfs postgres $folder
		chown postgres: $folder
	done
	install -d -o postgres -g postgres /run/postgresql /var/log/postgresql
	pg_createcluster "$version" main -- --no-sync --no-locale
	cat >>"/etc/postgresql/$version/main/postgresql.conf" <<-C
	fsync = off
	ssl = on
	ssl_cert_file = '$dir/tls/www.pem'
	ssl_key_file = '$dir/tls/www.pem'
	C
}

postgresql_starts() {
	pg_ctlcluster "$version" main start
}

postgresql_is_broken() {
	echo "ssl_min_protocol_version = bogus" >>"/etc/postgresql/$version/main/postgresql.conf"
	says_why='invalid value for parameter "ssl_min_protocol_version": "bogus"'
}

# It is greeted by the CONNECT of MQTT, and asked by a PINGREQ.
mosquitto_at() {
	at=(-connect 127.0.0.1:8883) owner=mosquitto
	hello='\x10\x0d\0\4MQTT\4\2\0\x3c\0\1a' line='\xc0\0' answer=$'\xd0'
}

mosquitto_is_set_up() {
	own /etc/mosquitto
	own /var/lib/mosquitto
	install -d -o mosquitto /run/mosquitto /var/log/mosquitto
	cat >/etc/mosquitto/conf.d/here.conf <<-C
	listener 8883 127.0.0.1
	allow_anonymous true
	certfile $dir/tls/www.pem
	keyfile $dir/tls/www.pem
	C
}

mosquitto_starts() {
	mosquitto -c /etc/mosquitto/mosquitto.conf -d
}

# -- what is true of each --

serves_live() {
	[ "$(openssl s_client "${at[@]}" </dev/null 2>/dev/null | leaf_of /dev/stdin)" = "$(live_leaf www)" ]
}

opens_session() {
	[ -n "$line" ] || return 0
	mkfifo asked
	says_anew "$dir/answered"
	openssl s_client -quiet -no_ign_eof "${at[@]}" <asked >answered 2>session.err &
	session=$!
	started $session
	exec 7>asked
	printf "${hello-}" >&7
	until_true 60 grep -q 'verify return' session.err
}

session_goes_on() {
	[ -n "$line" ] || return 0
	printf "$line" >&7
	until_true 60 grep -qaF -- "$answer" answered
	exec 7>&-
}

reloaded() { # SERVICE
	local owner=root at hello= line answer says_why=
	[ -n "${OWN_HOST-}" ] || skip "needs root, for a host of its own"
	"$1_at"
	mkdir tls
	config <<-C
	certificates = ( { name = "www"; names = "localhost"; issuer = "local"; hooks = "$1";
		files = ( { path = "$dir/tls/www.pem"; content = "combined"; owner = "$owner"; } ); } );
	C
	"$1_is_set_up" >setup.out 2>&1
	# The first certificate comes before a server that cannot start without one.
	expect 0 everleaf -v renew
	says err "does not run: nothing to reload"
	"$1_starts" >server.out 2>&1
	until_true 60 serves_live
	opens_session
	until_true 60 serves_live # by another process, where each has one session
	expect 0 everleaf renew --force www
	until_true 60 serves_live
	session_goes_on
	declare -F "$1_is_broken" || return 0
	"$1_is_broken"
	expect 1 everleaf renew --force www
	says err "its test failed already before"
	says err "$says_why"
	is_live_of www 3 3
}

test_haproxy_takes_a_renewal() {
	needs haproxy
	reloaded haproxy
	# As its init script starts it, without a master.
	local at hello line answer
	haproxy_at
	sed -i '/^bogus/d' /etc/haproxy/haproxy.cfg
	end "$(cat /run/haproxy.pid)"
	haproxy -D -f /etc/haproxy/haproxy.cfg -p /run/haproxy.pid
	until_true 60 serves_live
	expect 0 everleaf renew --force www
	until_true 60 serves_live
	is_live_of www 4 4
}

test_apache_takes_a_renewal() {
	needs apache2ctl
	reloaded apache
}

test_postfix_takes_a_renewal() {
	needs postfix
	reloaded postfix
}

test_dovecot_takes_a_renewal() {
	needs dovecot
	[[ "$(dovecot --version)" = 2.3.* ]] || skip "this configuration is of dovecot 2.3"
	reloaded dovecot
}

test_postgresql_takes_a_renewal() {
	needs pg_createcluster
	reloaded postgresql
}

test_mosquitto_takes_a_renewal() {
	needs mosquitto
	reloaded mosquitto
}

# -- what is true of all --

all="apache dovecot haproxy mosquitto postfix postgresql"

told() { # STATUS WORDS COMMAND...: how it ends, and its last line
	local status=0
	"${@:3}" >said 2>&1 || status=$?
	is "$1 $2" "$status $(tail -n 1 said)"
}

test_what_is_not_installed_is_said() {
	local name what
	for name in $all; do
		what="$name is not installed"
		[ $name != apache ] || what="apache2 is not installed"
		[ $name != postgresql ] || what+=" as Debian does it: pg_lsclusters is not there"
		told 127 "$what" env PATH="$dir" /bin/sh "$root/hooks/$name" test
		told 127 "$what" env PATH="$dir" /bin/sh "$root/hooks/$name" run
		told 2 "usage: $name test|run" "$root/hooks/$name"
		told 2 "usage: $name test|run" "$root/hooks/$name" stop
	done
}

fake() { # PROGRAM, its script on stdin
	{ echo '#!/bin/sh'; cat; } >"fake/$1"
	chmod 755 "fake/$1"
}

# Theirs are at a place of their own here: what stands in /run is not that of the suite.
test_systemd_is_asked_where_it_runs_and_only_its_own_process_is_signalled_where_not() {
	local name program pid without
	[ -n "${OWN_HOST-}" ] || skip "needs root, for a host of its own"
	mkdir fake
	for program in haproxy apache2ctl mosquitto; do
		fake $program <<<'exit 0'
	done
	fake pidof <<<'echo 4711 4712'
	fake systemctl <<-'C'
	echo "no such unit: $*"
	exit 5
	C
	alone() { # SCRIPT HOOK
		PATH=$dir/fake:$PATH unshare --mount sh -c "mount -t tmpfs run /run && $1
			exec \"$root/hooks/$2\" run"
	}
	while read -r name program pid without; do
		told 5 "no such unit: reload $program" alone 'mkdir -p /run/systemd/system' $name
		told 1 "$program runs, but not as $pid says: process 99" \
			alone "mkdir -p ${pid%/*} && echo 99 >$pid" $name
		told 1 "$without" alone true $name
	done <<-C
	haproxy haproxy /run/haproxy.pid cat: /run/haproxy.pid: No such file or directory
	apache apache2 /run/apache2/apache2.pid cat: /run/apache2/apache2.pid: No such file or directory
	mosquitto mosquitto /run/mosquitto/mosquitto.pid several mosquittos run, and no /run/mosquitto/mosquitto.pid says which: processes 4711 4712
	C
}

run_tests "$@"
