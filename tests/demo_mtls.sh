#!/bin/bash
# demo_mtls: mutual TLS from end to end with the embedded CA (lib_demo.sh): nginx asks for
# certificates of its clients; curl, Node, Java and another nginx come with one, which is
# rolled under load, and revoked. `make demo-mtls` builds first.
set -u
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib_demo.sh"

# nginx of its own: its configuration is on stdin, within http.
an_nginx() { # NAME
	mkdir -p "$dir/run/$1"
	cat >"$dir/$1.conf" <<-CONF
		$(! is_root || echo "user nobody nogroup;")
		worker_processes 2;
		pid $dir/run/$1/pid;
		error_log $dir/run/$1/error.log;
		events { worker_connections 256; }
		http {
			access_log off;
			client_body_temp_path $dir/run/$1/body;
			proxy_temp_path $dir/run/$1/proxy;
			fastcgi_temp_path $dir/run/$1/fastcgi;
			uwsgi_temp_path $dir/run/$1/uwsgi;
			scgi_temp_path $dir/run/$1/scgi;
			$(cat)
		}
	CONF
	nginx -c "$dir/$1.conf" -p "$dir"
	until_true 60 test -s "$dir/run/$1/pid"
	started "$(cat "$dir/run/$1/pid")"
}

# A hook that has nothing to do before that nginx is there.
reload_of() { # NAME
	hook "$1" <<-HOOK
	[ -s "$dir/run/$1/pid" ] || { echo "$1 is not there yet"; exit 0; }
	nginx="nginx -c $dir/$1.conf -p $dir"
	case \$1 in
	test) exec \$nginx -t -q ;;
	run) exec \$nginx -s reload -q ;;
	esac
	HOOK
}

# -- clients --

ask() { # OPTION of curl...
	curl -sS -m 20 --cacert "$dir/tls/ca.pem" "$@" "https://localhost:$port/"
}

gets_in() { # COMMAND...
	"$@" >"$dir/got" 2>&1 || fail "$1: $(cat "$dir/got")"
	has '^welcome' <"$dir/got"
}

is_refused() { # COMMAND...
	"$@" >"$dir/got" 2>&1 || :
	has_no '^welcome' <"$dir/got"
}

by_pem() {
	ask --cert "$dir/tls/app.pem"
}

# One reading, so what it finds is of one piece at any moment. A PEM file curl opens twice,
# for the certificate and for the key, and a new one may come in between.
by_p12() {
	ask --cert-type P12 --cert "$dir/tls/app.p12:$(cat "$dir/password")"
}

by_proxy() {
	curl -sS -m 20 "http://127.0.0.1:$proxy/"
}

cat >"$dir/ask.js" <<'JS'
const fs = require("fs"), [, , dir, port] = process.argv;
require("https").get({ host: "localhost", port, agent: false, ca: fs.readFileSync(dir + "/tls/ca.pem"),
	pfx: fs.readFileSync(dir + "/tls/app.p12"), passphrase: fs.readFileSync(dir + "/password", "utf8").trim() },
	answer => answer.pipe(process.stdout)).on("error", e => { console.error(e.message); process.exit(1); });
JS

cat >"$dir/Ask.java" <<'JAVA'
import java.io.*;
import java.net.URL;
import java.nio.file.*;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import javax.net.ssl.*;

class Ask {
	public static void main(String[] args) throws Exception {
		char[] password = Files.readString(Path.of(args[0], "password")).trim().toCharArray();
		KeyStore own = KeyStore.getInstance("PKCS12"), trust = KeyStore.getInstance("PKCS12");
		own.load(new FileInputStream(args[0] + "/tls/app.p12"), password);
		trust.load(null, null);
		trust.setCertificateEntry("ca", CertificateFactory.getInstance("X.509")
			.generateCertificate(new FileInputStream(args[0] + "/tls/ca.pem")));
		KeyManagerFactory keys = KeyManagerFactory.getInstance("PKIX");
		keys.init(own, password);
		TrustManagerFactory anchors = TrustManagerFactory.getInstance("PKIX");
		anchors.init(trust);
		SSLContext tls = SSLContext.getInstance("TLS");
		tls.init(keys.getKeyManagers(), anchors.getTrustManagers(), null);
		HttpsURLConnection c = (HttpsURLConnection) new URL("https://localhost:" + args[1] + "/").openConnection();
		c.setSSLSocketFactory(tls.getSocketFactory());
		c.getInputStream().transferTo(System.out);
	}
}
JAVA

ask_by() { # PROGRAM: where it is installed
	case $1 in
	node) command -v node >/dev/null && command="node ask.js" ;;
	java) java --list-modules 2>/dev/null | grep -q '^jdk.compiler' && command="java -Xshare:auto -XX:TieredStopAtLevel=1 Ask.java" ;;
	esac
}

# Clients that come again and again until there is $dir/enough: each answer is a line.
come_again() { # COMMAND...
	while [ ! -e "$dir/enough" ]; do
		"$@" 2>&1 || echo "refused"
	done >>"$dir/answers.$1" &
	started $!
	again="${again-} $!"
}

# ------------------------------------------------------------------------------------
bold "everleaf: mutual TLS, from end to end"
PATH=$PATH:/usr/sbin:/sbin
command -v nginx >/dev/null || fail "nginx is not installed"

step "The CA"
mkdir "$dir/tls"
openssl rand -hex 12 >"$dir/password"
chmod 600 "$dir/password"
reload_of front
reload_of proxy
ca=$dir/state/ca/lab
lab='issuers = ( { name = "lab"; type = "local"; subject = "CN=Lab CA"; } );'
config <<<"$lab certificates = ();"
echo "     $lab"
shown everleaf ca lab init

step "The configuration: a server, two clients, and the list of who is revoked"
config <<CONF
$lab
defaults = { issuer = "lab"; };
certificates = (
  { name = "front"; names = [ "localhost" ]; hooks = "front";
    files = ( { path = "$dir/tls/front.pem"; content = "combined"; },
              { path = "$dir/tls/ca.pem"; content = "ca"; } ); },
  { name = "app"; names = [ "app.lab.example" ]; usage = [ "client" ];
    files = ( { path = "$dir/tls/app.pem"; content = "combined"; },
              { path = "$dir/tls/locked.pem"; content = "combined"; password_file = "$dir/password"; },
              { path = "$dir/tls/app.p12"; content = "pkcs12"; password_file = "$dir/password"; } ); },
  { name = "proxy"; names = [ "proxy.lab.example" ]; usage = [ "client" ]; hooks = "proxy";
    files = ( { path = "$dir/tls/proxy.pem"; content = "combined"; } ); } );
crls = ( { name = "clients"; ca = "$ca/root.pem"; url = "file://$ca/crl.der"; hooks = "front";
           files = ( { path = "$dir/tls/clients.crl"; } ); } );
hooks = ( $(hook_config front), $(hook_config proxy) );
CONF
sed -n '/^defaults/,/^           files/s/^/     /p' "$dir/everleaf.conf"
shown everleaf check

step "Certificates, and the first revocation list, before any server runs"
shown everleaf renew
shown everleaf crl

step "nginx, which lets in who has a certificate of that CA; and another, which comes with one"
free_port && proxy=$port
free_port
an_nginx front <<CONF
server {
	listen 127.0.0.1:$port ssl;
	ssl_certificate $dir/tls/front.pem;
	ssl_certificate_key $dir/tls/front.pem;
	ssl_session_cache off;
	ssl_client_certificate $dir/tls/ca.pem;
	ssl_crl $dir/tls/clients.crl;
	ssl_verify_client on;
	location / { return 200 "welcome\n"; }
}
CONF
an_nginx proxy <<CONF
server {
	listen 127.0.0.1:$proxy;
	location / {
		proxy_pass https://localhost:$port;
		proxy_ssl_certificate $dir/tls/proxy.pem;
		proxy_ssl_certificate_key $dir/tls/proxy.pem;
		proxy_ssl_trusted_certificate $dir/tls/ca.pem;
		proxy_ssl_verify on;
		proxy_ssl_session_reuse off;
	}
}
CONF
is_refused ask
good "curl without a certificate is refused: $(sed -n 's/.*<center>\(No required.*\)<.center>.*/\1/p' "$dir/got")"
gets_in by_pem
good "curl gets in with the PEM file"
gets_in ask --cert "$dir/tls/locked.pem" --pass "$(cat "$dir/password")"
is_refused ask --cert "$dir/tls/locked.pem" --pass wrong
good "curl gets in with the key under a password, and not without it"
gets_in by_p12
good "curl gets in with the PKCS#12 file"
gets_in by_proxy
good "the other nginx gets in with its own"
for program in node java; do
	if ask_by $program; then
		# shellcheck disable=SC2086
		(cd "$dir" && gets_in $command "$dir" "$port")
		good "$program gets in with the PKCS#12 file"
	else
		echo "   left out: $program is not installed"
	fi
done

# ------------------------------------------------------------------------------------
step "All of them are renewed while clients go on coming"
come_again by_p12
come_again by_proxy
until_true 60 test -s "$dir/answers.by_p12" -a -s "$dir/answers.by_proxy"
shown everleaf renew --force --all
for name in front app proxy; do
	is_live_of $name 2 2
done
until_true 60 serves_leaf "$(live_leaf front)"
n=$(cat "$dir"/answers.* | wc -l)
more_have_come() { [ "$(cat "$dir"/answers.* | wc -l)" -gt $((n + 10)) ]; }
until_true 60 more_have_come
touch "$dir/enough"
# shellcheck disable=SC2086
wait $again
refused=$(cat "$dir"/answers.* | grep -v '^welcome$' | head -3) || :
[ -z "$refused" ] || fail "a client was refused: $refused"
good "$(cat "$dir"/answers.* | wc -l) requests, none refused"

# ------------------------------------------------------------------------------------
step "The client is revoked"
cp "$dir/tls/app.pem" "$dir/stolen.pem"
shown everleaf revoke app --reason keyCompromise
shown everleaf crl clients --update
stolen_is_refused() { (is_refused ask --cert "$dir/stolen.pem"); }
until_true 60 stolen_is_refused
good "nginx has loaded the list, and refuses what is revoked: $(sed -n 's/.*<center>\(The SSL.*\)<.center>.*/\1/p' "$dir/got")"
gets_in by_proxy
good "who is not revoked gets in as before"

step "What was revoked is replaced, with another key"
shown everleaf renew
is_live_of app 3 3
gets_in by_pem
is_refused ask --cert "$dir/stolen.pem"
[ "$(openssl pkey -in "$dir/stolen.pem" -pubout)" != "$(openssl pkey -in "$dir/tls/app.pem" -pubout)" ]
good "the client gets in with its new certificate; the old one stays outside"
shown everleaf crl
shown everleaf status

printf '\n'
bold "Everything that was claimed was checked, in $((SECONDS - begin)) s."
