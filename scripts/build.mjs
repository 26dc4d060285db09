// Installs and builds when needed.
import { bootstrap } from "./bootstrap.mjs";

await bootstrap();
