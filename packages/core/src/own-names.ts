/**
 * Which `Host` a listener answers to, against DNS rebinding.
 *
 * A page that somebody visits may let its own name resolve to 127.0.0.1, or to a machine behind the
 * visitor's firewall, and then read whatever listens there and asks for no proof: to the browser it
 * is the page's own site. What gives it away is its name in `Host`. Nobody can own an IP address
 * literal or `localhost` that way, so those are answered; other names are, when they are listed.
 *
 * Looked at where only this machine can call: a listener that others reach without a proof was
 * opened to all of them, under whatever names they have for it. No help against a caller that is
 * no browser: it writes into `Host` what it likes.
 *
 * @see RFC 6761 §6.3 (localhost), RFC 9110 §7.2 (Host); Jackson et al., "Protecting Browsers from
 * DNS Rebinding Attacks", CCS 2007.
 */
const LITERAL_V6 = /^\[[0-9a-f:.]+\]$/;
/** A browser takes every host that ends in a number for an IPv4 address, and writes it so. */
const LITERAL_V4 = /^\d{1,3}(?:\.\d{1,3}){3}$/;
const HOST_NAME = /^(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_-]+)*\.?$/i;
/** As sockets tell it, IPv4 within IPv6 included. */
const LOOPBACK_ADDRESS = /^(?:::ffff:)?127\.|^::1$/;
const SHOWN_MAX_LENGTH = 100;

/** Names that a listener may be told. */
export const OWN_NAME_COUNT_MAX = 64;

/** Says of each request whether it was meant for a listener. */
export class OwnNames {
  readonly #names: ReadonlySet<string>;
  readonly #setting: string;

  /**
   * @param names - Host names without a port, in any case; IP addresses among them mean nothing.
   * @param setting - Where a name can be added, for the text of a refusal.
   */
  constructor(names: readonly string[], setting: string) {
    this.#names = new Set(names.map(plainName));
    this.#setting = setting;
  }

  /**
   * @param host - The field's value, `undefined` or empty when there was none: no browser then.
   * @param localAddress - Of the connection's end here.
   * @returns Why the request is refused; undefined when it is not.
   */
  refusalOf(host: string | undefined, localAddress: string | undefined): string | undefined {
    if (host === undefined || host === "") return undefined;
    if (localAddress !== undefined && !LOOPBACK_ADDRESS.test(localAddress)) return undefined;
    const name = plainName(host.replace(/:\d*$/, ""));
    if (LITERAL_V4.test(name) || LITERAL_V6.test(name)) return undefined;
    if (name === "localhost" || name.endsWith(".localhost")) return undefined;
    if (this.#names.has(name)) return undefined;
    const shown = JSON.stringify(host.slice(0, SHOWN_MAX_LENGTH));
    return (
      `Host ${shown} is none of the names that are answered here, which keeps web pages of other ` +
      `sites out: use an IP address or localhost, or add the name to ${this.#setting}`
    );
  }
}

/** What is wrong with a list of names; empty when nothing is. */
export function checkOwnNames(names: readonly string[], setting: string): string[] {
  const faults = names
    .filter((name) => !HOST_NAME.test(name))
    .map((name) => {
      const shown = JSON.stringify(name.slice(0, SHOWN_MAX_LENGTH));
      return `${setting} ${shown} must be a host name, without a port`;
    });
  if (names.length > OWN_NAME_COUNT_MAX) {
    faults.push(`${setting}: ${names.length} names must be at most ${OWN_NAME_COUNT_MAX}`);
  }
  return faults;
}

/** In lower case, without the dot of the root. */
function plainName(name: string): string {
  return name.toLowerCase().replace(/\.$/, "");
}
