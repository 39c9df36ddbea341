/*
 * sds: a certificate for Envoy's secret discovery service, from a file.
 *
 * The document is a DiscoveryResponse in JSON with one resource, a Secret of the name of
 * the certificate; key and chain stand in it, so that one rename changes both. Envoy
 * looks at the file again when it is renamed into its place, which is how we write.
 */
#pragma once

struct buf;
struct err;
struct set;

/* Append it to `out`. */
int sds_render(const struct set *set, struct buf *out, struct err *e);
