// Sets the colour scheme before the first paint, so that a dark console never flashes white.
(function () {
  var stored = null;
  try { stored = localStorage.getItem('mantine-color-scheme-value'); } catch (_) { /* storage may be blocked */ }
  var dark = stored === 'dark' || (stored !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches);
  document.documentElement.setAttribute('data-mantine-color-scheme', dark ? 'dark' : 'light');
})();
