/**
 * Reads the server name out of a TLS ClientHello without ending TLS: pure.
 *
 * The message may come in several records and several reads. What is no ClientHello, or names
 * nobody, is told apart from what is incomplete.
 *
 * @see RFC 8446 §4.1.2 (ClientHello), §5.1 (record layer); RFC 6066 §3 (server_name).
 */

/** A ClientHello that is larger is refused; post-quantum key shares take some 2 KB. */
export const CLIENT_HELLO_MAX_BYTES = 16_384;

export type ServerName =
  | { readonly type: "name"; readonly name: string }
  /** More bytes are needed. */
  | { readonly type: "more" }
  /** TLS without a name. */
  | { readonly type: "none" }
  | { readonly type: "fault"; readonly detail: string };

const HANDSHAKE_RECORD = 22;
const CLIENT_HELLO = 1;
const SERVER_NAME = 0;
const HOST_NAME = 0;
const MORE: ServerName = { type: "more" };
const NONE: ServerName = { type: "none" };

/** @param bytes - All that was read of the connection so far. */
export function readServerName(bytes: Buffer): ServerName {
  const parts: Buffer[] = [];
  let at = 0;
  let haveBytes = 0;
  for (;;) {
    if (at < bytes.length && bytes[at] !== HANDSHAKE_RECORD) return fault("it is no TLS handshake");
    if (at + 5 > bytes.length) return MORE;
    const recordBytes = bytes.readUInt16BE(at + 3);
    if (recordBytes === 0 || recordBytes > 16_384) return fault("a record has no sensible length");
    const record = bytes.subarray(at + 5, at + 5 + recordBytes);
    parts.push(record);
    haveBytes += record.length;
    const message = parts.length === 1 ? record : Buffer.concat(parts);
    if (message.length > 0 && message[0] !== CLIENT_HELLO) return fault("it is no ClientHello");
    if (haveBytes >= 4) {
      const helloBytes = message.readUIntBE(1, 3);
      if (helloBytes > CLIENT_HELLO_MAX_BYTES) return fault("the ClientHello is too large");
      if (haveBytes >= 4 + helloBytes) return readHello(message.subarray(4, 4 + helloBytes));
    }
    at += 5 + recordBytes;
    if (at > bytes.length) return MORE;
  }
}

function readHello(hello: Buffer): ServerName {
  try {
    // Version and random, then the session id, cipher suites and compressions.
    let at = 34;
    at += 1 + hello.readUInt8(at);
    at += 2 + hello.readUInt16BE(at);
    at += 1 + hello.readUInt8(at);
    if (at === hello.length) return NONE;
    const end = at + 2 + hello.readUInt16BE(at);
    at += 2;
    while (at < end) {
      const type = hello.readUInt16BE(at);
      const length = hello.readUInt16BE(at + 2);
      if (type === SERVER_NAME) return readName(hello.subarray(at + 4, at + 4 + length));
      at += 4 + length;
    }
    return NONE;
  } catch {
    return fault("the ClientHello is cut short");
  }
}

function readName(extension: Buffer): ServerName {
  const nameBytes = extension.readUInt16BE(3);
  const name = extension.subarray(5, 5 + nameBytes);
  if (extension.readUInt8(2) !== HOST_NAME || name.length !== nameBytes) {
    return fault("the server name is no host name");
  }
  return { type: "name", name: name.toString("latin1").toLowerCase() };
}

function fault(detail: string): ServerName {
  return { type: "fault", detail };
}
