/* config_cert: each mistake in a certificate is named, with what was expected. */
#include "tests/agent/config_fake.h"

#define L(port) "{ type = \"http-01\"; listen = \"127.0.0.1:" port "\"; },"

#define FORTY "1234567890123456789012345678901234567890"

static const struct fake_row rows[] = {
	{ "no issuer", true, "certificates = { names = \"a.example\"; };",
	  "main.conf:1: certificates.a.example.issuer: found nothing, expected one of "
	  "\"letsencrypt\" \"letsencrypt-staging\" \"local\"\n" },
	{ "no names", true, "certificates = { issuer = \"local\"; };",
	  "main.conf:1: certificates.names: found nothing, expected at least one name, "
	  "or csr\n" },
	{ "empty names", true, "certificates = { names = []; issuer = \"local\"; };",
	  "main.conf:1: certificates.names: found nothing, expected at least one name, "
	  "or csr\n" },
	{ "optional names alone", true,
	  "certificates = { optional = \"a.example\"; issuer = \"local\"; };",
	  "main.conf:1: certificates.names: found nothing, expected at least one name, "
	  "or csr\n" },
	{ "optional names beside none", true,
	  "certificates = { names = []; optional = \"a.example\"; issuer = \"local\"; "
	  "};",
	  "main.conf:1: certificates.names: found nothing, expected at least one name, "
	  "or csr\n" },
	{ "names of a wrong type", true,
	  "certificates = { name = \"a\"; names = 5; issuer = \"local\"; };",
	  "main.conf:1: certificates.a.names: found the number 5, expected a name such "
	  "as \"example.org\"\n" },
	{ "a name of a wrong type", true,
	  "certificates = { names = ( \"a.example\", true ); issuer = \"local\"; };",
	  "main.conf:1: certificates.a.example.names[1]: found true, expected a name "
	  "such as \"example.org\"\n" },
	{ "a certificate that is no group", true, "certificates = \"a.example\";",
	  "main.conf:1: certificates: found \"a.example\", expected a group { ... "
	  "}\n" },
	{ "not a DNS name", true,
	  "certificates = { names = \"a_b.example\"; issuer = \"local\"; };",
	  "main.conf:1: certificates.a_b.example.names: found \"a_b.example\", "
	  "expected a name: a label of it has a character other than a-z, 0-9 and "
	  "\"-\"\n" },
	{ "not an address", true,
	  "certificates = { names = \"192.0.2.300\"; issuer = \"local\"; };",
	  "main.conf:1: certificates.192.0.2.300.names: found \"192.0.2.300\", "
	  "expected a name: it looks like an IP address, but is not one\n" },
	{ "a name twice", true,
	  "certificates = { names = [ \"a.example\", \"A.Example.\" ]; issuer = "
	  "\"local\"; };",
	  "main.conf:1: certificates.a.example.names[1]: found \"A.Example.\", "
	  "expected each name once\n" },
	{ "a name twice, once optional", true,
	  "certificates = { names = \"a.example\"; optional = \"a.example\"; issuer = "
	  "\"local\"; };",
	  "main.conf:1: certificates.a.example.optional: found \"a.example\", expected "
	  "each name once\n" },
	{ "more names than CAs take", true,
	  "certificates = { name = \"a\"; issuer = \"local\"; names = [ \"n0\", "
	  "\"n1\", \"n2\", \"n3\", \"n4\", \"n5\", \"n6\", \"n7\", \"n8\", \"n9\", "
	  "\"n10\", \"n11\", \"n12\", \"n13\", \"n14\", \"n15\", \"n16\", \"n17\", "
	  "\"n18\", \"n19\", \"n20\", \"n21\", \"n22\", \"n23\", \"n24\", \"n25\", "
	  "\"n26\", \"n27\", \"n28\", \"n29\", \"n30\", \"n31\", \"n32\", \"n33\", "
	  "\"n34\", \"n35\", \"n36\", \"n37\", \"n38\", \"n39\", \"n40\", \"n41\", "
	  "\"n42\", \"n43\", \"n44\", \"n45\", \"n46\", \"n47\", \"n48\", \"n49\", "
	  "\"n50\", \"n51\", \"n52\", \"n53\", \"n54\", \"n55\", \"n56\", \"n57\", "
	  "\"n58\", \"n59\", \"n60\", \"n61\", \"n62\", \"n63\", \"n64\", \"n65\", "
	  "\"n66\", \"n67\", \"n68\", \"n69\", \"n70\", \"n71\", \"n72\", \"n73\", "
	  "\"n74\", \"n75\", \"n76\", \"n77\", \"n78\", \"n79\", \"n80\", \"n81\", "
	  "\"n82\", \"n83\", \"n84\", \"n85\", \"n86\", \"n87\", \"n88\", \"n89\", "
	  "\"n90\", \"n91\", \"n92\", \"n93\", \"n94\", \"n95\", \"n96\", \"n97\", "
	  "\"n98\", \"n99\", \"n100\" ]; };",
	  "main.conf:1: certificates.a.names: found 101 names, expected at most "
	  "100\n" },
	{ "no name for a name", true,
	  "certificates = { names = \"::1\"; issuer = \"local\"; };",
	  "main.conf:1: certificates.::1: found \"::1\", expected a name of 1 to 200 "
	  "characters A-Z a-z 0-9 . _ - that does not start with \".\" or \"-\"\n" },
	{ "a bad name", true,
	  "certificates = { name = \"../x\"; names = \"a.example\"; issuer = "
	  "\"local\"; };",
	  "main.conf:1: certificates.../x.name: found \"../x\", expected a name of 1 "
	  "to 200 characters A-Z a-z 0-9 . _ - that does not start with \".\" or "
	  "\"-\"\n" },
	{ "an empty name", true,
	  "certificates = { name = \"\"; names = \"a.example\"; issuer = \"local\"; };",
	  "main.conf:1: certificates..name: found \"\", expected a name\n" },
	{ "the same name", true,
	  "certificates = ( { names = \"a.example\"; issuer = \"local\"; },\n { name = "
	  "\"a.example\"; names = \"b.example\"; issuer = \"local\"; } );",
	  "main.conf:2: certificates.a.example.name: found \"a.example\" again, "
	  "expected another name: main.conf:1 has it\n" },
	{ "a wildcard beside its base", true,
	  "certificates = ( { names = \"a.example\"; issuer = \"local\"; },\n { names "
	  "= \"*.a.example\"; issuer = \"local\"; } );",
	  "main.conf:2: certificates.*.a.example: found \"a.example\" again, expected "
	  "another name: main.conf:1 has it\n" },
	{ "an unknown setting", true,
	  "certificates = { names = \"a.example\"; issuer = \"local\"; nmaes = \"x\"; "
	  "};",
	  "main.conf:1: certificates.a.example.nmaes: found an unknown setting, did "
	  "you mean \"names\"?\n" },
	{ "nothing like it", true,
	  "certificates = { names = \"a.example\"; issuer = \"local\"; frobnicate = 1; "
	  "};",
	  "main.conf:1: certificates.a.example.frobnicate: found an unknown "
	  "setting\n" },
	{ "an unknown issuer", true,
	  "certificates = { names = \"a.example\"; issuer = \"locl\"; };",
	  "main.conf:1: certificates.a.example.issuer: found \"locl\", expected one of "
	  "\"letsencrypt\" \"letsencrypt-staging\" \"local\"\n" },
	{ "an ACME issuer and no challenge", true,
	  "agree_terms = true;\n"
	  "certificates = { names = \"a.example\"; issuer = \"letsencrypt\"; };",
	  "main.conf:2: certificates.a.example: found nothing that shows "
	  "\"letsencrypt\" that its names are ours, expected challenge = { type = "
	  "\"http-01\"; ... }\n" },
	{ "a wildcard by http-01", true,
	  "agree_terms = true; certificates = { name = \"w\"; names = [ \"a.example\", "
	  "\"*.a.example\" ];\n issuer = \"letsencrypt\";\n"
	  " challenge = { type = \"http-01\"; webroot = \"/srv/app\"; }; };",
	  "main.conf:3: certificates.w.challenge: found nothing that shows "
	  "\"letsencrypt\" that \"*.a.example\" is ours, expected a challenge for it "
	  "(this version has http-01, tls-alpn-01, and dns-01, which "
	  "wildcards need)\n" },
	{ "a name that no challenge is for", true,
	  "agree_terms = true; certificates = { names = [ \"a.example\", "
	  "\"b.example\" ];\n issuer = \"letsencrypt\";\n"
	  " challenge = { type = \"http-01\"; webroot = \"/srv/app\"; only = "
	  "\"a.example\"; }; };",
	  "main.conf:3: certificates.a.example.challenge: found nothing that shows "
	  "\"letsencrypt\" that \"b.example\" is ours, expected a challenge for it "
	  "(this version has http-01, tls-alpn-01, and dns-01, which "
	  "wildcards need)\n" },
	{ "a wildcard by tls-alpn-01", true,
	  "agree_terms = true; certificates = { name = \"w\"; names = \"*.a.example\"; "
	  "issuer = \"letsencrypt\";\n challenge = { type = \"tls-alpn-01\"; listen = "
	  "\"[::]:443\"; }; };",
	  "main.conf:2: certificates.w.challenge: found nothing that shows "
	  "\"letsencrypt\" that \"*.a.example\" is ours, expected a challenge for it "
	  "(this version has http-01, tls-alpn-01, and dns-01, which "
	  "wildcards need)\n" },
	{ "TLS and HTTP at one port", true,
	  "agree_terms = true; certificates = { names = \"a.example\"; issuer = "
	  "\"letsencrypt\"; challenge = (\n"
	  " { type = \"http-01\"; listen = \"192.0.2.1:443\"; },\n"
	  " { type = \"tls-alpn-01\"; listen = \"[::]:443\"; } ); };",
	  "main.conf:3: certificates.a.example.challenge[1].listen: found "
	  "\"[::]:443\", expected a port at which nothing but tls-alpn-01 is "
	  "answered\n" },
	{ "TLS where the agent is asked how it is", true,
	  "http = \"127.0.0.1:443\"; agree_terms = true; certificates = { names = "
	  "\"a.example\"; issuer = \"letsencrypt\";\n"
	  " challenge = { type = \"tls-alpn-01\"; listen = \"[::]:443\"; }; };",
	  "main.conf:2: certificates.a.example.challenge.listen: found "
	  "\"[::]:443\", expected a port at which nothing but tls-alpn-01 is "
	  "answered\n" },
	{ "no terms agreed to", true,
	  "certificates = { names = \"a.example\"; issuer = \"letsencrypt\";"
	  " challenge = { type = \"http-01\"; webroot = \"/srv/app\"; }; };",
	  "main.conf:1: certificates.a.example.issuer: found \"letsencrypt\", expected "
	  "agree_terms = true, once its terms have been read\n" },
	{ "from public to private", true,
	  "agree_terms = true; certificates = { names = \"a.example\"; issuer = [ "
	  "\"letsencrypt\", \"local\" ]; };",
	  "main.conf:1: certificates.a.example.issuer: found a list, expected "
	  "allow_private = true, to go from a public issuer to \"local\", "
	  "which has roots of its own\n" },
	{ "an unknown key", true,
	  "certificates = { names = \"a.example\"; issuer = \"local\"; key = "
	  "\"rsa-1024\"; };",
	  "main.conf:1: certificates.a.example.key: found \"rsa-1024\", expected one "
	  "of \"ecdsa-p256\" \"ecdsa-p384\" \"rsa-2048\" \"rsa-3072\" \"rsa-4096\" "
	  "\"ed25519\"\n" },
	{ "a key of a wrong type", true,
	  "certificates = { names = \"a.example\"; issuer = \"local\"; key = 2048; };",
	  "main.conf:1: certificates.a.example.key: found the number 2048, expected "
	  "one of \"ecdsa-p256\" \"ecdsa-p384\" \"rsa-2048\" \"rsa-3072\" \"rsa-4096\" "
	  "\"ed25519\"\n" },
	{ "a word for a bool", true,
	  "certificates = { names = \"a.example\"; issuer = \"local\"; reuse_key = "
	  "\"no\"; };",
	  "main.conf:1: certificates.a.example.reuse_key: found \"no\", expected true "
	  "or false\n" },
	{ "the same key and the next", true,
	  "certificates = ( { names = \"a.example\"; issuer = \"local\";\n"
	  "reuse_key = true;\nnext_key = true; } );",
	  "main.conf:3: certificates.a.example.next_key: found reuse_key and next_key, "
	  "expected only one of them\n" },
	{ "the next key where all others stay", true,
	  "defaults = { reuse_key = true; };\n"
	  "certificates = ( { names = \"a.example\"; issuer = \"local\";\n"
	  "next_key = true; } );",
	  "main.conf:3: certificates.a.example.next_key: found reuse_key and next_key, "
	  "expected only one of them\n" },
	{ "the same key where all others have a next", true,
	  "defaults = { next_key = true; };\n"
	  "certificates = ( { names = \"a.example\"; issuer = \"local\";\n"
	  "reuse_key = true; } );",
	  "main.conf:3: certificates.a.example.reuse_key: found reuse_key and "
	  "next_key, "
	  "expected only one of them\n" },
	{ "an unknown usage", true,
	  "certificates = { names = \"a.example\"; issuer = \"local\"; usage = [ "
	  "\"server\", \"mail\" ]; };",
	  "main.conf:1: certificates.a.example.usage[1]: found \"mail\", expected one "
	  "of \"server\" \"client\"\n" },
	{ "no usage", true,
	  "certificates = { names = \"a.example\"; issuer = \"local\"; usage = []; };",
	  "main.conf:1: certificates.a.example.usage: found an empty list, expected "
	  "\"server\", \"client\" or both\n" },
	{ "renew as a span", true,
	  "certificates = { names = \"a.example\"; issuer = \"local\"; renew = "
	  "\"30d\"; };",
	  "main.conf:1: certificates.a.example.renew: found \"30d\", expected a group "
	  "{ ... }\n" },
	{ "more than half", true,
	  "certificates = { names = \"a.example\"; issuer = \"local\"; renew = { "
	  "before = \"2/3\"; }; };",
	  "main.conf:1: certificates.a.example.renew.before: found \"2/3\", expected a "
	  "part of the lifetime up to \"1/2\", or a span such as \"30d\"\n" },
	{ "not a fraction", true,
	  "certificates = { names = \"a.example\"; issuer = \"local\"; renew = { "
	  "before = \"1/0\"; }; };",
	  "main.conf:1: certificates.a.example.renew.before: found \"1/0\", expected a "
	  "part of the lifetime up to \"1/2\", or a span such as \"30d\"\n" },
	{ "not a span", true,
	  "certificates = { names = \"a.example\"; issuer = \"local\"; renew = { "
	  "before = \"30\"; }; };",
	  "main.conf:1: certificates.a.example.renew.before: found \"30\", expected a "
	  "part of the lifetime up to \"1/2\", or a span such as \"30d\"\n" },
	{ "a typo in a group", true,
	  "certificates = { names = \"a.example\"; issuer = \"local\"; renew = { befor "
	  "= \"30d\"; }; };",
	  "main.conf:1: certificates.a.example.renew.befor: found an unknown setting, "
	  "did you mean \"before\"?\n" },
	{ "an unknown owner", true,
	  "certificates = { names = \"a.example\"; issuer = \"local\"; owner = "
	  "\"nobody-here\"; };",
	  "main.conf:1: certificates.a.example.owner: found \"nobody-here\", expected "
	  "a user of this host\n" },
	{ "an unknown group", true,
	  "certificates = { names = \"a.example\"; issuer = \"local\"; group = "
	  "\"nobody-here\"; };",
	  "main.conf:1: certificates.a.example.group: found \"nobody-here\", expected "
	  "a group of this host\n" },
	{ "an owner by number", true,
	  "certificates = { names = \"a.example\"; issuer = \"local\"; owner = 0; };",
	  "main.conf:1: certificates.a.example.owner: found the number 0, expected a "
	  "user, or its number in quotes\n" },
	{ "an owner without root", false,
	  "certificates = { names = \"a.example\"; issuer = \"local\"; owner = "
	  "\"root\"; };",
	  "main.conf:1: certificates.a.example.owner: found \"root\", expected none: "
	  "without root nothing can belong to others\n" },
	{ "a group without root", false,
	  "certificates = { names = \"a.example\"; issuer = \"local\"; group = "
	  "\"ssl-cert\"; };",
	  "main.conf:1: certificates.a.example.group: found \"ssl-cert\", expected "
	  "none: without root nothing can belong to others\n" },
	{ "a mode as a number", true,
	  "certificates = { names = \"a.example\"; issuer = \"local\"; mode = 640; };",
	  "main.conf:1: certificates.a.example.mode: found the number 640, expected a "
	  "mode such as \"0600\" or \"0644\", in octal\n" },
	{ "a mode that is none", true,
	  "certificates = { names = \"a.example\"; issuer = \"local\"; mode = "
	  "\"u=rw\"; };",
	  "main.conf:1: certificates.a.example.mode: found \"u=rw\", expected a mode "
	  "such as \"0600\" or \"0644\", in octal\n" },
	{ "a setuid mode", true,
	  "certificates = { names = \"a.example\"; issuer = \"local\"; mode = "
	  "\"4600\"; };",
	  "main.conf:1: certificates.a.example.mode: found \"4600\", expected a mode "
	  "such as \"0600\" or \"0644\", in octal\n" },
	{ "a key for everyone", true,
	  "certificates = { names = \"a.example\"; issuer = \"local\"; mode = "
	  "\"0644\"; };",
	  "main.conf:1: certificates.a.example.mode: found \"0644\", expected a mode "
	  "that keeps the private key from others\n" },
	{ "a file for everyone to write", true,
	  "certificates = { names = \"a.example\"; issuer = \"local\"; files = { path "
	  "= \"/srv/app/x\"; mode = \"0666\"; }; };",
	  "main.conf:1: certificates.a.example.files.mode: found \"0666\", expected a "
	  "mode that does not let everyone write\n" },
	{ "a key file for everyone", true,
	  "certificates = { names = \"a.example\"; issuer = \"local\"; files = { path "
	  "= \"/srv/app/x\"; content = \"key\"; mode = \"0604\"; }; };",
	  "main.conf:1: certificates.a.example.files.mode: found \"0604\", expected a "
	  "mode that keeps the private key from others\n" },
	{ "a file without a path", true,
	  "certificates = { names = \"a.example\"; issuer = \"local\"; files = { "
	  "content = \"key\"; }; };",
	  "main.conf:1: certificates.a.example.files.path: found nothing, expected "
	  "where it is to be written\n" },
	{ "a file that is no group", true,
	  "certificates = { names = \"a.example\"; issuer = \"local\"; files = "
	  "\"/srv/app/x\"; };",
	  "main.conf:1: certificates.a.example.files: found \"/srv/app/x\", expected a "
	  "group { ... }\n" },
	{ "a relative path", true,
	  "certificates = { names = \"a.example\"; issuer = \"local\"; files = { path "
	  "= \"x.pem\"; }; };",
	  "main.conf:1: certificates.a.example.files.path: found \"x.pem\", expected "
	  "an absolute path without \"//\", \".\" and \"..\" in it\n" },
	{ "a path with ..", true,
	  "certificates = { names = \"a.example\"; issuer = \"local\"; files = { path "
	  "= \"/srv/app/../x.pem\"; }; };",
	  "main.conf:1: certificates.a.example.files.path: found "
	  "\"/srv/app/../x.pem\", expected an absolute path without \"//\", \".\" and "
	  "\"..\" in it\n" },
	{ "a path with //", true,
	  "certificates = { names = \"a.example\"; issuer = \"local\"; files = { path "
	  "= \"/srv//x.pem\"; }; };",
	  "main.conf:1: certificates.a.example.files.path: found \"/srv//x.pem\", "
	  "expected an absolute path without \"//\", \".\" and \"..\" in it\n" },
	{ "a folder of the system", true,
	  "certificates = { names = \"a.example\"; issuer = \"local\"; files = { path "
	  "= \"/etc/x.pem\"; }; };",
	  "main.conf:1: certificates.a.example.files.path: found \"/etc/x.pem\", "
	  "expected a file in a folder of its own, not one of the system's\n" },
	{ "a folder of programs", true,
	  "certificates = { names = \"a.example\"; issuer = \"local\"; files = { path "
	  "= \"/usr/sbin/x.pem\"; }; };",
	  "main.conf:1: certificates.a.example.files.path: found "
	  "\"/usr/sbin/x.pem\", expected a file in a folder of its own, not one of "
	  "the system's\n" },
	{ "a folder of which all is run", true,
	  "certificates = { names = \"a.example\"; issuer = \"local\"; files = { path "
	  "= \"/etc/cron.d/x/x.pem\"; }; };",
	  "main.conf:1: certificates.a.example.files.path: found "
	  "\"/etc/cron.d/x/x.pem\", expected a file in a folder of its own, not one of "
	  "the system's\n" },
	{ "the root folder", true,
	  "certificates = { names = \"a.example\"; issuer = \"local\"; files = { path "
	  "= \"/x.pem\"; }; };",
	  "main.conf:1: certificates.a.example.files.path: found \"/x.pem\", expected "
	  "a file in a folder of its own, not one of the system's\n" },
	{ "a folder that is not there", true,
	  "certificates = { names = \"a.example\"; issuer = \"local\"; files = { path "
	  "= \"/srv/none/x.pem\"; }; };",
	  "main.conf:1: certificates.a.example.files.path: found \"/srv/none/x.pem\", "
	  "expected a file in a folder that exists\n" },
	{ "a folder that is a link", true,
	  "certificates = { names = \"a.example\"; issuer = \"local\"; files = { path "
	  "= \"/srv/link/x.pem\"; }; };",
	  "main.conf:1: certificates.a.example.files.path: found \"/srv/link/x.pem\", "
	  "expected a file in a folder, not a link or a file\n" },
	{ "a folder that is a link to one of the system", true,
	  "certificates = { names = \"a.example\"; issuer = \"local\"; files = { path "
	  "= \"/srv/to-etc/x.pem\"; }; };",
	  "main.conf:1: certificates.a.example.files.path: found "
	  "\"/srv/to-etc/x.pem\", expected a file in a folder of its own, not a link "
	  "to one of the system's\n" },
	{ "a file whose draft would have a name too long", true,
	  "certificates = { names = \"a.example\"; issuer = \"local\"; files = { path "
	  "= \"/srv/app/" FORTY FORTY FORTY FORTY FORTY FORTY "123456\"; }; };",
	  "main.conf:1: certificates.a.example.files.path: found \"/srv/app/" FORTY
	  "12345678901...\", expected a file whose name has at most 245 bytes\n" },
	{ "a probe of a socket with a long path", true,
	  "certificates = { names = \"a.example\"; issuer = \"local\"; probe = "
	  "\"unix:/" FORTY FORTY FORTY "\"; };",
	  "main.conf:1: certificates.a.example.probe: found \"unix:/" FORTY
	  "12345678901234...\", expected a socket whose path has at most 107 bytes: it "
	  "has 121\n" },
	{ "in the state", true,
	  "state_dir = \"/srv/app\"; certificates = { names = \"a.example\"; issuer = "
	  "\"local\"; files = { path = \"/srv/app/x.pem\"; }; };",
	  "main.conf:1: certificates.a.example.files.path: found \"/srv/app/x.pem\", "
	  "expected a file outside of state_dir\n" },
	{ "a file of two", true,
	  "certificates = ( { names = \"a.example\"; issuer = \"local\"; files = { "
	  "path = \"/srv/app/x\"; }; },\n { names = \"b.example\"; issuer = \"local\"; "
	  "files = { path = \"/srv/app/x\"; }; } );",
	  "main.conf:2: certificates.b.example.files.path: found \"/srv/app/x\" again, "
	  "expected another path: main.conf:1 writes it\n" },
	{ "an unknown content", true,
	  "certificates = { names = \"a.example\"; issuer = \"local\"; files = { path "
	  "= \"/srv/app/x\"; content = \"pem\"; }; };",
	  "main.conf:1: certificates.a.example.files.content: found \"pem\", expected "
	  "one of \"fullchain\" \"cert\" \"chain\" \"key\" \"combined\" \"pkcs12\" "
	  "\"der\" \"ca\" \"hashed\" \"sds\" \"truststore\"\n" },
	{ "a secret that is not there", true,
	  "certificates = { names = \"a.example\"; issuer = \"local\"; files = { path "
	  "= \"/srv/app/x\"; content = \"pkcs12\"; password_file = "
	  "\"/etc/everleaf/none\"; }; };",
	  "main.conf:1: certificates.a.example.files.password_file: found "
	  "\"/etc/everleaf/none\", expected a file with the secret: No such file or "
	  "directory\n" },
	{ "a secret that is none", true,
	  "certificates = { names = \"a.example\"; issuer = \"local\"; files = { path "
	  "= \"/srv/app/x\"; content = \"pkcs12\"; password_file = "
	  "\"/etc/everleaf/blank\"; }; };",
	  "main.conf:1: certificates.a.example.files.password_file: found "
	  "\"/etc/everleaf/blank\", expected a file with the secret: it is empty\n" },
	{ "a secret behind a link of somebody else", true,
	  "certificates = { names = \"a.example\"; issuer = \"local\"; files = { path "
	  "= \"/srv/app/x\"; content = \"pkcs12\"; password_file = "
	  "\"/etc/everleaf/link\"; }; };",
	  "main.conf:1: certificates.a.example.files.password_file: found "
	  "\"/etc/everleaf/link\", expected a file that others cannot change: /srv/x "
	  "belongs to user 90\n" },
	{ "a secret that others read", true,
	  "certificates = { names = \"a.example\"; issuer = \"local\"; files = { path "
	  "= \"/srv/app/x\"; content = \"pkcs12\"; password_file = "
	  "\"/etc/everleaf/open\"; }; };",
	  "main.conf:1: certificates.a.example.files.password_file: found "
	  "\"/etc/everleaf/open\", expected a file that others cannot read or change, "
	  "mode 0600: it has 0644\n" },
	{ "an unknown drift", true,
	  "certificates = { names = \"a.example\"; issuer = \"local\"; on_drift = "
	  "\"ignore\"; };",
	  "main.conf:1: certificates.a.example.on_drift: found \"ignore\", expected "
	  "one of \"repair\" \"report\"\n" },
	{ "an unknown hook", true,
	  "certificates = { names = \"a.example\"; issuer = \"local\"; hooks = "
	  "\"apache2\"; };",
	  "main.conf:1: certificates.a.example.hooks: found \"apache2\", expected a "
	  "hook of the list `hooks`, \"nginx\", or a ready-made one, of "
	  "/share/hooks\n" },
	{ "a hook of a wrong type", true,
	  "certificates = { names = \"a.example\"; issuer = \"local\"; hooks = ( { "
	  "name = \"x\"; } ); };",
	  "main.conf:1: certificates.a.example.hooks.x: found a group, expected the "
	  "name of a hook\n" },
	{ "probed all the time", true,
	  "certificates = { names = \"a.example\"; issuer = \"local\"; probe_every = "
	  "\"9s\"; };",
	  "main.conf:1: certificates.a.example.probe_every: found \"9s\", expected "
	  "a span from 10s to 365d\n" },
	{ "keep nothing", true,
	  "certificates = { names = \"a.example\"; issuer = \"local\"; keep = 0; };",
	  "main.conf:1: certificates.a.example.keep: found the number 0, expected a "
	  "number from 1 to 1000\n" },
	{ "keep more than a number", true,
	  "certificates = { names = \"a.example\"; issuer = \"local\"; keep = "
	  "99999999999; };",
	  "main.conf:1: found a number that is too large, expected 32 bits\n" },
	{ "a probe without a port", true,
	  "certificates = { names = \"a.example\"; issuer = \"local\"; probe = "
	  "\"a.example\"; };",
	  "main.conf:1: certificates.a.example.probe: found \"a.example\", expected "
	  "\"host:port\", \"[v6]:port\", \"smtp://host:25\" or \"unix:/path\"\n" },
	{ "a probe of port 0", true,
	  "certificates = { names = \"a.example\"; issuer = \"local\"; probe = "
	  "\"a.example:0\"; };",
	  "main.conf:1: certificates.a.example.probe: found \"a.example:0\", expected "
	  "\"host:port\", \"[v6]:port\", \"smtp://host:25\" or \"unix:/path\"\n" },
	{ "a probe of a wildcard", true,
	  "certificates = { names = \"a.example\"; issuer = \"local\"; probe = "
	  "\"*.a.example:443\"; };",
	  "main.conf:1: certificates.a.example.probe: found \"*.a.example:443\", "
	  "expected \"host:port\", \"[v6]:port\", \"smtp://host:25\" or "
	  "\"unix:/path\"\n" },
	{ "a probe of an unknown scheme", true,
	  "certificates = { names = \"a.example\"; issuer = \"local\"; probe = "
	  "\"http://a.example\"; };",
	  "main.conf:1: certificates.a.example.probe: found \"http://a.example\", "
	  "expected \"host:port\", \"[v6]:port\", \"smtp://host:25\" or "
	  "\"unix:/path\"\n" },
	{ "a probe that does not end", true,
	  "certificates = { names = \"a.example\"; issuer = \"local\"; probe = "
	  "\"[::1:443\"; };",
	  "main.conf:1: certificates.a.example.probe: found \"[::1:443\", expected "
	  "\"host:port\", \"[v6]:port\", \"smtp://host:25\" or \"unix:/path\"\n" },
	{ "a probe of nowhere", true,
	  "certificates = { names = \"a.example\"; issuer = \"local\"; probe = { name "
	  "= \"a.example\"; }; };",
	  "main.conf:1: certificates.a.example.probe.connect: found nothing, expected "
	  "\"host:port\", \"[v6]:port\", \"smtp://host:25\" or \"unix:/path\"\n" },
	{ "a probe with a bad name", true,
	  "certificates = { names = \"a.example\"; issuer = \"local\"; probe = { "
	  "connect = \"127.0.0.1:443\"; name = \"127.0.0.1\"; }; };",
	  "main.conf:1: certificates.a.example.probe.name: found \"127.0.0.1\", "
	  "expected a DNS name\n" },
	{ "a challenge without a type", true,
	  "certificates = { names = \"a.example\"; issuer = \"local\"; challenge = { "
	  "webroot = \"/srv/app\"; }; };",
	  "main.conf:1: certificates.a.example.challenge.type: found nothing, expected "
	  "one of \"http-01\" \"tls-alpn-01\" \"dns-01\"\n" },
	{ "an unknown challenge", true,
	  "certificates = { names = \"a.example\"; issuer = \"local\"; challenge = { "
	  "type = \"http-02\"; }; };",
	  "main.conf:1: certificates.a.example.challenge.type: found \"http-02\", "
	  "expected one of \"http-01\" \"tls-alpn-01\" \"dns-01\"\n" },
	{ "a challenge without a way", true,
	  "certificates = { names = \"a.example\"; issuer = \"local\"; challenge = { "
	  "type = \"http-01\"; }; };",
	  "main.conf:1: certificates.a.example.challenge: found none, expected one "
	  "of webroot, listen, hook\n" },
	{ "a webroot that is not there", true,
	  "certificates = { names = \"a.example\"; issuer = \"local\"; challenge = {\n"
	  "type = \"http-01\"; webroot = \"/srv/none\"; }; };",
	  "main.conf:2: certificates.a.example.challenge.webroot: found \"/srv/none\", "
	  "expected a folder that exists\n" },
	{ "a webroot of the system", true,
	  "certificates = { names = \"a.example\"; issuer = \"local\"; challenge = { "
	  "type = \"http-01\"; webroot = \"/var\"; }; };",
	  "main.conf:1: certificates.a.example.challenge.webroot: found \"/var\", "
	  "expected a folder of its own, not one of the system's\n" },
	{ "a webroot that is a file", true,
	  "certificates = { names = \"a.example\"; issuer = \"local\"; challenge = { "
	  "type = \"http-01\"; webroot = \"/etc/everleaf/ca.pem\"; }; };",
	  "main.conf:1: certificates.a.example.challenge.webroot: found "
	  "\"/etc/everleaf/ca.pem\", expected a folder, not a link or a file\n" },
	{ "a challenge with two ways", true,
	  "certificates = { names = \"a.example\"; issuer = \"local\"; challenge = { "
	  "type = \"http-01\"; webroot = \"/srv/app\"; listen = \"[::]:80\"; }; };",
	  "main.conf:1: certificates.a.example.challenge: found several, expected "
	  "one of webroot, listen, hook\n" },
	{ "a setting of another challenge", true,
	  "certificates = { names = \"a.example\"; issuer = \"local\"; challenge = { "
	  "type = \"http-01\"; webroot = \"/srv/app\"; rfc2136 = { }; }; };",
	  "main.conf:1: certificates.a.example.challenge.rfc2136: found a setting that "
	  "does not belong here\n" },
	{ "settings of a program without one", true,
	  "certificates = { names = \"a.example\"; issuer = \"local\"; challenge = {\n"
	  "type = \"http-01\"; webroot = \"/srv/app\";\n"
	  "timeout = \"1m\"; }; };",
	  "main.conf:3: certificates.a.example.challenge.timeout: found no hook "
	  "beside it, which it is for\n" },
	{ "a second program of a dialect that has one", true,
	  "certificates = { names = \"a.example\"; issuer = \"local\"; challenge = { "
	  "type = \"http-01\"; hook = \"/bin/true\"; cleanup = \"/bin/true\"; }; };",
	  "main.conf:1: certificates.a.example.challenge.cleanup: found a program of "
	  "its own to clean up, which is for dialect = \"certbot\"\n" },
	{ "a dialect that does not show that", true,
	  "certificates = { names = \"a.example\"; issuer = \"local\"; challenge = { "
	  "type = \"http-01\"; hook = \"/bin/true\"; dialect = \"lego\"; }; };",
	  "main.conf:1: certificates.a.example.challenge.dialect: found \"lego\", "
	  "whose "
	  "programs do not show http-01\n" },
	{ "a file of acme.sh that is not there", true,
	  "certificates = { names = \"a.example\"; issuer = \"local\"; challenge = { "
	  "type = \"dns-01\"; hook = \"/srv/none/dnsapi/dns_xx.sh\"; dialect = "
	  "\"acme.sh\"; }; };",
	  "main.conf:1: certificates.a.example.challenge.hook: found "
	  "\"/srv/none/dnsapi/dns_xx.sh\", expected a file to source: No such file "
	  "or directory\n" },
	{ "a low port without root", false,
	  "certificates = { names = \"a.example\"; issuer = \"local\"; challenge = { "
	  "type = \"http-01\"; listen = \"0.0.0.0:80\"; }; };",
	  "main.conf:1: certificates.a.example.challenge.listen: found \"0.0.0.0:80\", "
	  "expected a port of 1024 or above: without root\n" },
	{ "too many addresses to listen at", true,
	  "certificates = { names = \"a.example\"; issuer = \"local\"; challenge = (" L(
	      "1") L("2") L("3") L("4") L("5") L("6") L("7") L("8") L("9") L("10")
	      L("11") L("12") L("13") L("14") L("15") L("16")
		  L("16") "\n{ type = \"http-01\"; "
			  "listen = \"127.0.0.1:17\"; } ); };",
	  "main.conf:2: certificates.a.example.challenge[17].listen: found "
	  "\"127.0.0.1:17\", expected not more than 16 different addresses in all\n" },
	{ "a name to listen at", true,
	  "certificates = { names = \"a.example\"; issuer = \"local\"; challenge = { "
	  "type = \"tls-alpn-01\"; listen = \"localhost:8443\"; }; };",
	  "main.conf:1: certificates.a.example.challenge.listen: found "
	  "\"localhost:8443\", expected \"127.0.0.1:8080\" or \"[::]:8080\"\n" },
	{ "rfc2136 without a key", true,
	  "certificates = { names = \"a.example\"; issuer = \"local\"; challenge = { "
	  "type = \"dns-01\"; rfc2136 = { server = \"::1\"; }; }; };",
	  "main.conf:1: certificates.a.example.challenge.rfc2136.key_name: found "
	  "nothing, expected the name of a TSIG key\n"
	  "main.conf:1: certificates.a.example.challenge.rfc2136.key_file: found "
	  "nothing, expected the path of the TSIG key\n" },
	{ "rfc2136 with what is none", true,
	  "certificates = { names = \"a.example\"; issuer = \"local\"; challenge = { "
	  "type = \"dns-01\"; rfc2136 = { server = \"a b\"; key_name = \"*\";\n"
	  "key_algorithm = \"hmac-sha1\"; key_file = \"/etc/everleaf/secret\";\n"
	  "resolvers = [ \"::1\", \"[::1\" ];\n wait = \"2h\"; }; }; };",
	  "main.conf:1: certificates.a.example.challenge.rfc2136.server: found \"a "
	  "b\", "
	  "expected a name server such as \"192.0.2.1\" or \"[2001:db8::1]:53\"\n"
	  "main.conf:1: certificates.a.example.challenge.rfc2136.key_name: found "
	  "\"*\", "
	  "expected the name of a TSIG key: letters, digits, - and _, with dots "
	  "between\n"
	  "main.conf:2: certificates.a.example.challenge.rfc2136.key_algorithm: found "
	  "\"hmac-sha1\", expected one of \"hmac-sha256\" \"hmac-sha224\" "
	  "\"hmac-sha384\" \"hmac-sha512\"\n"
	  "main.conf:3: certificates.a.example.challenge.rfc2136.resolvers[1]: found "
	  "\"[::1\", expected a name server such as \"192.0.2.1\" or "
	  "\"[2001:db8::1]:53\"\n"
	  "main.conf:4: certificates.a.example.challenge.rfc2136.wait: found \"2h\", "
	  "expected a span from now to 1h\n" },
	{ "a setting of rfc2136 beside it", true,
	  "certificates = { names = \"a.example\"; issuer = \"local\"; challenge = {\n"
	  "type = \"dns-01\"; rfc2136 = { server = \"::1\"; key_name = \"k\";\n"
	  "key_file = \"/etc/everleaf/secret\"; };\n"
	  "resolvers = \"::1\";\ntimeout = \"1m\"; }; };",
	  "main.conf:5: certificates.a.example.challenge.timeout: found no hook beside "
	  "it, which it is for\n"
	  "main.conf:4: certificates.a.example.challenge.resolvers: found no hook "
	  "beside "
	  "it, which it is for; with rfc2136 it stands in that group\n" },
	{ "an unknown dialect", true,
	  "certificates = { names = \"a.example\"; issuer = \"local\"; challenge = { "
	  "type = \"dns-01\"; hook = \"/bin/true\"; dialect = \"certbott\"; }; };",
	  "main.conf:1: certificates.a.example.challenge.dialect: found \"certbott\", "
	  "expected one of \"everleaf\" \"certbot\" \"uacme\" \"dehydrated\" "
	  "\"dehydrated-chain\" \"acme.sh\" \"lego\" \"lego-raw\"\n" },
	{ "csr beside names", true,
	  "certificates = { names = \"a.example\"; issuer = \"local\"; name = \"a\"; "
	  "csr = \"/etc/everleaf/ca.pem\"; };",
	  "main.conf:1: certificates.a.names: found it beside csr, expected only one "
	  "of them\n" },
	{ "csr beside next_key", true,
	  "certificates = { issuer = \"local\"; name = \"a\"; next_key = true; "
	  "csr = \"/etc/everleaf/ca.pem\"; };",
	  "main.conf:1: certificates.a.next_key: found it beside csr, expected only "
	  "one "
	  "of them\n" },
	{ "csr without a name", true,
	  "certificates = { csr = \"/etc/everleaf/ca.pem\"; issuer = \"local\"; };",
	  "main.conf:1: certificates.name: found nothing, expected a name, beside "
	  "csr\n" },
	{ "csr that is not there", true,
	  "certificates = { name = \"x\"; csr = \"/etc/everleaf/none\"; issuer = "
	  "\"local\"; };",
	  "main.conf:1: certificates.x.csr: found \"/etc/everleaf/none\", expected a "
	  "file: No such file or directory\n" },
	{ "csr with files that have its key", true,
	  "certificates = { name = \"x\"; csr = \"/etc/everleaf/ca.pem\"; issuer = "
	  "\"local\"; files = ( { path = \"/srv/app/x\"; content = \"cert\"; },\n"
	  " { path = \"/srv/app/y\"; content = \"key\"; } ); };",
	  "main.conf:2: certificates.x.files[1].content: found \"key\", expected one "
	  "without the private key: with csr it is elsewhere\n" },
	{ "csr and an issuer that it would be", true,
	  "issuers = { name = \"me\"; type = \"self\"; };\n"
	  "certificates = { name = \"x\"; csr = \"/etc/everleaf/ca.pem\"; issuer = "
	  "\"me\"; };",
	  "main.conf:2: certificates.x.csr: found \"/etc/everleaf/ca.pem\", expected "
	  "none with issuer \"me\": the key that is to sign is elsewhere\n" },
	{ "defaults with names", true, "defaults = { names = \"a.example\"; };",
	  "main.conf:1: defaults.names: found a setting that does not belong here\n" },
	{ "defaults with files", true,
	  "defaults = { files = { path = \"/srv/app/x\"; }; };",
	  "main.conf:1: defaults.files: found a setting that does not belong here\n" },
	{ "a control character", true,
	  "certificates = { names = \"a.example\"; issuer = \"local\"; key = "
	  "\"a\\x07b\"; probe = \"a\\x01:443\"; };",
	  "main.conf:1: certificates.a.example.key: found \"a\\x07b\", expected one of "
	  "\"ecdsa-p256\" \"ecdsa-p384\" \"rsa-2048\" \"rsa-3072\" \"rsa-4096\" "
	  "\"ed25519\"\n"
	  "main.conf:1: certificates.a.example.probe: found \"a\\x01:443\", expected "
	  "text without control characters, in UTF-8\n" },
	{ "not UTF-8", true,
	  "certificates = { names = \"a.example\"; issuer = \"local\"; hooks = "
	  "\"\\xff\"; };",
	  "main.conf:1: certificates.a.example.hooks: found \"\\xff\", expected text "
	  "without control characters, in UTF-8\n" },
	{ "several names in one string", true,
	  "certificates = { name = \"w\"; names = \"a.example, b.example\"; issuer = "
	  "\"local\"; };",
	  "main.conf:1: certificates.w.names: found \"a.example, b.example\", expected "
	  "a name: a label of it has a character other than a-z, 0-9 and \"-\"; each "
	  "is a string of its own, as in [ \"a\", \"b\" ]\n" },
	{ "several errors at once", true,
	  "certificates = (\n { names = \"a_b\"; key = \"dsa\"; },\n { names = "
	  "\"b.example\"; issuer = \"x\"; keep = \"3\"; }\n);",
	  "main.conf:2: certificates.a_b.key: found \"dsa\", expected one of "
	  "\"ecdsa-p256\" \"ecdsa-p384\" \"rsa-2048\" \"rsa-3072\" \"rsa-4096\" "
	  "\"ed25519\"\n"
	  "main.conf:2: certificates.a_b.issuer: found nothing, expected one of "
	  "\"letsencrypt\" \"letsencrypt-staging\" \"local\"\n"
	  "main.conf:2: certificates.a_b.names: found \"a_b\", expected a name: a "
	  "label of it has a character other than a-z, 0-9 and \"-\"\n"
	  "main.conf:3: certificates.b.example.issuer: found \"x\", expected one of "
	  "\"letsencrypt\" \"letsencrypt-staging\" \"local\"\n"
	  "main.conf:3: certificates.b.example.keep: found \"3\", expected a number "
	  "from 1 to 1000\n" },
};

static void each_mistake_in_a_certificate_is_named(void **state)
{
	(void)state;
	fake_refuses(rows, sizeof(rows) / sizeof(rows[0]));
}

static void a_file_without_a_request_is_named(void **state)
{
	static const char text[] =
	    "certificates = { name = \"x\"; csr = \"/etc/everleaf/ca.pem\"; issuer = "
	    "\"local\"; };";
	struct fake f = { .csr = "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n"
				 "-----END CERTIFICATE REQUEST-----\n" };
	int fd = -1;

	(void)state;
	assert_int_equal(fake_compile(&f, true, text, strlen(text), &fd), ERR_CONFIG);
	assert_non_null(strstr(fake_said(&f),
			       "main.conf:1: certificates.x.csr: found "
			       "\"/etc/everleaf/ca.pem\", expected a signing request: "
			       "not a CSR in PEM"));
	fake_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_mistake_in_a_certificate_is_named),
		cmocka_unit_test(a_file_without_a_request_is_named),
	};

	return cmocka_run_group_tests_name("config_cert", tests, NULL, NULL);
}
