export { both, FilterError, parse, print } from './language';
export { meaning } from './meaning';
