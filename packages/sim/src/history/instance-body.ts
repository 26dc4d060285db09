import { encodeInstanceDescription } from "@fpzk/protocol";

/** The longest value of one metadata entry. */
const VALUE_MAX_BYTES = 200;

/** The body of a registration from a region, with about so many bytes of metadata. */
export function bodyOf(region: string, metadataBytes = 0): Uint8Array {
  const metadata: Record<string, string> = {};
  for (let byteCount = 0; byteCount < metadataBytes; byteCount += VALUE_MAX_BYTES) {
    metadata[`m${byteCount}`] = "x".repeat(Math.min(VALUE_MAX_BYTES, metadataBytes - byteCount));
  }
  return encodeInstanceDescription({
    group: "",
    version: "1",
    region,
    zone: "",
    endpoints: [{ protocol: "http", host: "127.0.0.1", port: 80, tls: false, reach: "internal" }],
    weight: 100,
    metadata,
    startWallTime: 0,
  }).slice();
}
