import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { checkOwnNames, OWN_NAME_COUNT_MAX, OwnNames } from "./own-names.js";

const NAMES = new OwnNames(["Proxy.Example.com", "node-1", "fe80::1"], "admin.hostNames");

function check(host: string | undefined, isAnswered: boolean): void {
  for (const local of ["127.0.0.1", "127.0.0.2", "::ffff:127.0.0.1", "::1", undefined]) {
    assert.equal(NAMES.refusalOf(host, local) === undefined, isAnswered, `Host ${host}`);
  }
}

describe("OwnNames", () => {
  it("answers to addresses, localhost and its own names, whatever the port", () => {
    for (const host of ["127.0.0.1", "10.1.2.3", "[::1]", "[fe80::1]", "[::ffff:127.0.0.1]"]) {
      check(host, true);
      check(`${host}:7190`, true);
    }
    for (const host of ["localhost", "LocalHost.", "proxy.localhost", "node-1", "NODE-1."]) {
      check(host, true);
      check(`${host}:7190`, true);
    }
    check("proxy.example.com:80", true);
    // HTTP/1.0, or a target without an authority: no browser.
    check(undefined, true);
    check("", true);
  });

  it("answers to no name of somebody else", () => {
    for (const host of [
      ...["evil.example", "evil.example:7190", "127.0.0.1.evil.example", "localhost.evil.example"],
      ...["evil-localhost", "notlocalhost", "x.proxy.example.com", "proxy.example.com.evil"],
      ...["127.0.0.1@evil.example", "evil.example#127.0.0.1", "[evil.example]", "1.2.3.4.5"],
      ...["2130706433", "0x7f.1", "localhost:80:80", ".", ":80x", " localhost"],
    ]) {
      check(host, false);
    }
  });

  it("answers to every name where others can call, too", () => {
    for (const local of ["10.0.0.1", "::ffff:10.0.0.1", "2001:db8::1", "128.127.0.1"]) {
      assert.equal(NAMES.refusalOf("registry.svc.cluster.local:7100", local), undefined, local);
    }
  });

  it("says in a refusal what was asked for and where a name is added", () => {
    const text = NAMES.refusalOf(`"evil\r\n${"x".repeat(1_000)}`, "::1") ?? "";
    assert.match(text, /^Host "\\"evil\\r\\nx+" is none of the names/);
    assert.match(text, /add the name to admin\.hostNames$/);
    assert.ok(text.length < 350);
  });

  it("refuses lists of what are no names, or of too many", () => {
    assert.deepEqual(checkOwnNames(["a", "a.b-c.d.", "x_1"], "hostNames"), []);
    const faults = checkOwnNames(["a:80", "", "http://a", "a b"], "hostNames");
    assert.equal(faults.length, 4);
    assert.equal(faults[0], 'hostNames "a:80" must be a host name, without a port');
    const many = Array.from({ length: OWN_NAME_COUNT_MAX + 1 }, (_, index) => `n${index}`);
    assert.deepEqual(checkOwnNames(many, "hostNames"), ["hostNames: 65 names must be at most 64"]);
  });
});
