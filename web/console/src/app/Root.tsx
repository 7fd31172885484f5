import { Outlet } from '@tanstack/react-router';
import { StepUpHost } from '../session/StepUp';

/** Every page, and what may have to be asked over any of them. */
export function Root() {
  return (
    <>
      <Outlet />
      <StepUpHost />
    </>
  );
}
