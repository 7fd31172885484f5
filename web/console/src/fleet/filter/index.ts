export { both, FilterError, hasTerm, parse, print, toggled } from './language';
export { meaning } from './meaning';
