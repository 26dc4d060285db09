export const TRACE_HASHES = {
  sources: "d323baa03f151939",
  bySeed: {
    1: 4173825743,
    2: 220297536,
    3: 1185659472,
  } as Readonly<Record<number, number>>,
};

