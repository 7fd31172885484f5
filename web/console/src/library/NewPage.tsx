export { NewDraft as default } from './EditPage';
