import css from './library.module.css';

/** Content that nobody may treat patients by says so, on the screen and on paper. */
export function SampleNote({ version }: { version: string }) {
  return (
    <p className={css.sample} role="note">
      <strong>SAMPLE, UNAPPROVED</strong>
      <span>Version {version} is sample content. Its numbers are not medical advice: no patient is treated by it until a pharmacist and a physician of the site have approved a version of their own.</span>
    </p>
  );
}
