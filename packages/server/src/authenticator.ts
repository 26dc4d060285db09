/**
 * From a token to a {@link Principal}: the only place that says who may do what.
 *
 * Static tokens are compared as SHA-256 digests in constant time. Signed tokens are JWTs (RFC 7519,
 * HS256) with the claims `sub`, `ns` (namespace or `*`), `roles` and `exp`. Without any token
 * configured everybody may do everything; binding beyond loopback then needs `isInsecure`.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { ErrorCode, type Grants, RegistryError } from "@fpzk/core";
import { jwtVerify, SignJWT } from "jose";
import type { RoleName, StaticToken } from "./options.js";
import type { Principal } from "./registry-port.js";

/** A principal, and until when its proof holds. */
export interface AuthenticatedPrincipal extends Principal {
  readonly expiresWallMs: number | undefined;
}

export interface Authenticator {
  /** False when no token is configured: everybody may do everything. */
  readonly asksForTokens: boolean;
  /**
   * Who the token belongs to. `undefined` or empty is anonymous.
   *
   * @throws RegistryError `unauthenticated` for a missing, unknown, forged or expired token.
   */
  authenticate(token: string | undefined): Promise<AuthenticatedPrincipal>;
}

export interface TokenClaims {
  readonly subject: string;
  /** A namespace, or `*`. */
  readonly namespace: string;
  readonly roles: readonly RoleName[];
  readonly ttlMs: number;
}

/** A signed token needs a key that cannot be guessed (RFC 7518, 3.2: at least the hash's size). */
export const TOKEN_KEY_MIN_BYTES = 32;
/** Longer than any token we sign; bounds the work of a check. */
export const TOKEN_MAX_BYTES = 4_096;
export const ROLE_NAMES: readonly RoleName[] = ["read", "register", "operate"];
const NO_GRANTS: Grants = { mayRead: false, mayRegister: false, mayOperate: false };
const ALL_GRANTS: Grants = { mayRead: true, mayRegister: true, mayOperate: true };
const ANONYMOUS: AuthenticatedPrincipal = {
  name: "anonymous",
  grantsOf: () => ALL_GRANTS,
  expiresWallMs: undefined,
};

export interface AuthenticatorOptions {
  readonly staticTokens: readonly StaticToken[];
  readonly tokenKey: string | undefined;
}

/** The authenticator of one server. */
export function createAuthenticator(options: AuthenticatorOptions): Authenticator {
  const asksForTokens = options.staticTokens.length > 0 || options.tokenKey !== undefined;
  const key = options.tokenKey === undefined ? undefined : signingKey(options.tokenKey);
  const known = options.staticTokens.map((token) => ({
    digest: digestOf(token.token),
    principal: principalOf(token.name, token.namespace, token.roles, undefined),
  }));
  return {
    asksForTokens,
    async authenticate(token) {
      if (!asksForTokens) return ANONYMOUS;
      if (token === undefined || token === "") {
        throw new RegistryError(ErrorCode.unauthenticated, "no token was given, one is needed");
      }
      if (Buffer.byteLength(token) > TOKEN_MAX_BYTES) {
        throw new RegistryError(
          ErrorCode.unauthenticated,
          `token of ${Buffer.byteLength(token)} bytes must be <= ${TOKEN_MAX_BYTES}`,
        );
      }
      const found = findStatic(known, token);
      if (found !== undefined) return found;
      if (key !== undefined) return verifySigned(token, key);
      throw new RegistryError(ErrorCode.unauthenticated, "the token is not known here");
    },
  };
}

/** Signs a token that every server with the same key accepts. */
export function signToken(tokenKey: string, claims: TokenClaims): Promise<string> {
  return new SignJWT({ ns: claims.namespace, roles: [...claims.roles] })
    .setProtectedHeader({ alg: "HS256", typ: "JWT" })
    .setSubject(claims.subject)
    .setIssuedAt()
    .setExpirationTime(new Date(Date.now() + claims.ttlMs))
    .sign(signingKey(tokenKey));
}

/**
 * The token of an `authorization: Bearer` header (RFC 6750, 2.1); undefined without a header.
 *
 * @throws RegistryError `unauthenticated` for another scheme.
 */
export function bearerToken(headers: {
  readonly authorization?: string | undefined;
}): string | undefined {
  const { authorization } = headers;
  if (authorization === undefined) return undefined;
  const match = /^Bearer +([^\s]+) *$/i.exec(authorization);
  if (match?.[1] !== undefined) return match[1];
  const text = "the authorization header must be `Bearer` and a token";
  throw new RegistryError(ErrorCode.unauthenticated, text);
}

/** True when the principal may do anything at all in the namespace. */
export function hasAnyGrant(grants: Grants): boolean {
  return grants.mayRead || grants.mayRegister || grants.mayOperate;
}

interface KnownToken {
  readonly digest: Buffer;
  readonly principal: AuthenticatedPrincipal;
}

/** Looks at every token, also after a hit, so that time tells nothing. */
function findStatic(known: readonly KnownToken[], token: string) {
  const digest = digestOf(token);
  let found: AuthenticatedPrincipal | undefined;
  for (const entry of known) {
    if (timingSafeEqual(entry.digest, digest)) found = entry.principal;
  }
  return found;
}

async function verifySigned(token: string, key: Uint8Array): Promise<AuthenticatedPrincipal> {
  try {
    const { payload } = await jwtVerify(token, key, {
      algorithms: ["HS256"],
      requiredClaims: ["sub", "exp"],
    });
    const namespace = payload["ns"];
    const roles = payload["roles"];
    if (typeof namespace !== "string" || namespace === "" || !isRoles(roles)) {
      throw new Error(`claims must hold ns and roles of ${ROLE_NAMES.join(", ")}`);
    }
    return principalOf(payload.sub ?? "", namespace, roles, (payload.exp ?? 0) * 1000);
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    throw new RegistryError(ErrorCode.unauthenticated, `the token was refused: ${detail}`);
  }
}

function isRoles(value: unknown): value is RoleName[] {
  return Array.isArray(value) && value.every((role) => ROLE_NAMES.includes(role));
}

function principalOf(
  name: string,
  namespace: string,
  roles: readonly RoleName[],
  expiresWallMs: number | undefined,
): AuthenticatedPrincipal {
  const mayOperate = roles.includes("operate");
  const mayRegister = mayOperate || roles.includes("register");
  const grants: Grants = {
    // Whoever registers learns of others with its id, so writing includes reading.
    mayRead: mayRegister || roles.includes("read"),
    mayRegister,
    mayOperate,
  };
  return {
    name,
    grantsOf: (asked) => (namespace === "*" || namespace === asked ? grants : NO_GRANTS),
    expiresWallMs,
  };
}

function digestOf(token: string): Buffer {
  return createHash("sha256").update(token, "utf8").digest();
}

function signingKey(tokenKey: string): Uint8Array {
  const key = Buffer.from(tokenKey, "utf8");
  if (key.length < TOKEN_KEY_MIN_BYTES) {
    throw new RegistryError(
      ErrorCode.invalidArgument,
      `token key of ${key.length} bytes must be >= ${TOKEN_KEY_MIN_BYTES}`,
    );
  }
  return key;
}
