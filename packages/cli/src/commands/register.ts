import type { ConfigureCommand } from "../command.js";
export const configure: ConfigureCommand = () => {};
