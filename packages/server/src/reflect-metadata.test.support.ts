/**
 * The few functions of the `reflect-metadata` proposal that `@peculiar/x509`'s container asks for
 * when it is loaded; import before it. Tests only.
 */
type Store = Map<unknown, unknown>;

const stores = new WeakMap<object, Store>();

function storeOf(target: object): Store {
  const store = stores.get(target) ?? new Map();
  stores.set(target, store);
  return store;
}

function find(key: unknown, target: object | null): unknown {
  for (let at = target; at !== null; at = Object.getPrototypeOf(at)) {
    if (stores.get(at)?.has(key)) return stores.get(at)?.get(key);
  }
  return undefined;
}

const polyfill = {
  defineMetadata: (key: unknown, value: unknown, target: object) => {
    storeOf(target).set(key, value);
  },
  getMetadata: find,
  hasMetadata: (key: unknown, target: object) => find(key, target) !== undefined,
  getOwnMetadata: (key: unknown, target: object) => stores.get(target)?.get(key),
  hasOwnMetadata: (key: unknown, target: object) => stores.get(target)?.has(key) ?? false,
  metadata: (key: unknown, value: unknown) => (target: object) => {
    storeOf(target).set(key, value);
  },
};

for (const [name, value] of Object.entries(polyfill)) {
  if (!Reflect.has(Reflect, name)) Object.defineProperty(Reflect, name, { value });
}
