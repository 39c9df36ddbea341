#!/bin/bash
# starttls: inspect asks servers of others for TLS in the words of their protocol, and
# explains what they show.
. "$(dirname "$0")/../lib.sh"
. "$root/tests/lib_inspect.sh"
. "$root/tests/lib_mtls.sh"

# Their certificate, for localhost too: here-full.pem, here.key.
shown() {
	family
	sign here here.example mid leaf_ext IP:127.0.0.1,DNS:localhost
	cat here.pem mid.pem >here-full.pem
	free_port
}

# What PROTOCOL shows at $port is that, and nothing is to be said of it but $codes.
is_explained() { # PROTOCOL [HOST [PORT]]
	expect 0 inspect "$1://${2-127.0.0.1}:${3-$port}"
	has 'names     127.0.0.1, localhost' <out
	has 'trusted: CN=Lab Root' <out
	expect 0 inspect --json "$1://${2-127.0.0.1}:${3-$port}"
	is "${codes-}" "$(grep -o '"code":"[^"]*"' out | cut -d'"' -f4)"
}

# As root it takes users of its own, which the package brings; 2.4 is configured otherwise.
dovecot_starts() {
	local protocol
	needs dovecot
	is_root || skip "dovecot is started by root"
	[[ "$(dovecot --version)" = 2.3.* ]] || skip "this configuration is of dovecot 2.3"
	mkdir dovecot
	cat >dovecot.conf <<-C
	base_dir = $dir/dovecot
	state_dir = $dir/dovecot
	log_path = /dev/stderr
	listen = 127.0.0.1
	protocols = imap pop3 submission sieve
	submission_relay_host = 127.0.0.1
	ssl = required
	ssl_cert = <$dir/here-full.pem
	ssl_key = <$dir/here.key
	passdb {
	  driver = static
	}
	C
	for protocol in imap pop3 submission sieve; do
		free_port
		declare -g "$protocol=$port"
		cat >>dovecot.conf <<-C
		service ${protocol/#sieve/managesieve}-login {
		  inet_listener $protocol {
		    port = $port
		  }
		  inet_listener ${protocol}s {
		    port = 0
		  }
		}
		C
	done
	starts_by dovecot -F -c "$dir/dovecot.conf"
	for port in "$imap" "$pop3" "$submission"; do # the last of them comes first
		until_true 60 listens_or_ended
	done
}

test_dovecot_is_asked_by_imap_pop3_smtp_and_sieve() {
	shown
	dovecot_starts
	is_explained imap 127.0.0.1 "$imap"
	is_explained pop3 127.0.0.1 "$pop3"
	is_explained smtp 127.0.0.1 "$submission"
	is_explained sieve 127.0.0.1 "$sieve"
}

test_openldap_is_asked_by_ldap() {
	needs slapd
	shown
	cat >slapd.conf <<-C
	pidfile $dir/slapd.pid
	TLSCertificateFile $dir/here-full.pem
	TLSCertificateKeyFile $dir/here.key
	C
	starts_by slapd -d 0 -h "ldap://127.0.0.1:$port" -f "$dir/slapd.conf"
	is_explained ldap
}

test_vsftpd_is_asked_by_ftp() {
	needs vsftpd
	is_root || skip "vsftpd is started by root"
	shown
	mkdir empty
	cat >vsftpd.conf <<-C
	listen=YES
	listen_address=127.0.0.1
	listen_port=$port
	background=NO
	anonymous_enable=YES
	secure_chroot_dir=$dir/empty
	ssl_enable=YES
	rsa_cert_file=$dir/here-full.pem
	rsa_private_key_file=$dir/here.key
	C
	starts_by vsftpd "$dir/vsftpd.conf"
	codes=client-certificate is_explained ftp
}

test_prosody_is_asked_by_xmpp() {
	needs prosody
	shown
	mkdir prosody
	cat >prosody.lua <<-C
	run_as_root = true
	data_path = "$dir/prosody"
	pidfile = "$dir/prosody/pid"
	log = { info = "*console" }
	modules_enabled = { "tls", "saslauth" }
	c2s_interfaces = { "127.0.0.1" }
	c2s_ports = { $port }
	s2s_ports = {}
	VirtualHost "localhost"
	    ssl = { key = "$dir/here.key", certificate = "$dir/here-full.pem" }
	C
	starts_by prosody --config "$dir/prosody.lua" -F
	is_explained xmpp localhost
}

test_postgres_is_asked_by_postgres() {
	postgres_is_there
	shown
	mkdir tls
	(umask 077 && cat here.key here-full.pem >tls/server.pem)
	cp root.pem tls/ca.pem
	openssl ca -gencrl -config ca.cnf -keyfile root.key -cert root.pem -crldays 9 -out tls/clients.crl
	postgres_starts
	codes=client-certificate is_explained postgres
}

test_mariadb_is_asked_by_mysql() {
	needs mariadbd
	shown
	mkdir db
	! is_root || chown nobody db here.key
	starts_by mariadbd --no-defaults --datadir="$dir/db" --skip-grant-tables --bind-address=127.0.0.1 \
		--port="$port" --socket="$dir/db/socket" --pid-file="$dir/db/pid" $(! is_root || echo --user=nobody) \
		--ssl-cert="$dir/here-full.pem" --ssl-key="$dir/here.key"
	codes=client-certificate is_explained mysql
}

run_tests "$@"
