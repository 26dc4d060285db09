// Plays random histories: `npm run sim -- --seed N`, or `--seeds A-B`; `--log` prints what happened.
import { bootstrap } from "./bootstrap.mjs";

await bootstrap();

const { failureText, runHistory } = await import("@fpzk/sim");
const [first, last] = seedsOf(process.argv.slice(2));
const startedAt = performance.now();
let failedCount = 0;
for (let seed = first; seed <= last; seed += 1) {
  const result = runHistory(seed);
  if (process.argv.includes("--log")) console.log(result.log.join("\n"));
  if (result.ok) continue;
  failedCount += 1;
  console.log(`npm run sim -- --seed ${seed}   # ${failureText(result.failures[0])}`);
}
const elapsedMs = performance.now() - startedAt;
const count = last - first + 1;
const perMinute = Math.round((count / elapsedMs) * 60_000);
console.log(`${count} histories, ${failedCount} failed, ${perMinute} per minute`);
process.exitCode = failedCount === 0 ? 0 : 1;

function seedsOf(args) {
  const one = args[args.indexOf("--seed") + 1];
  const range = args[args.indexOf("--seeds") + 1];
  if (args.includes("--seed") && /^\d+$/.test(one ?? "")) return [Number(one), Number(one)];
  if (args.includes("--seeds") && /^\d+-\d+$/.test(range ?? ""))
    return range.split("-").map(Number);
  console.error("say which histories: --seed N, or --seeds A-B");
  process.exit(2);
}
