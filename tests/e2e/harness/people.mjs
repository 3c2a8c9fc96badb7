// People who use the dashboard: the owner, made through the link that the server prints, and whoever
// the owner invites.

export const PASSWORD = 'correct horse battery';

/** Fill the sign-in form of an opened page. */
async function signIn(page, email) {
  await page.getByLabel('E-mail address').fill(email);
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.locator('#content').waitFor();
}

/** Make the owner, and answer the cookies of a browser in which they are signed in. */
export async function makeOwner(dev, browser) {
  const email = 'owner@example.com';
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(dev.dashboardUrl);
  await page.getByLabel('E-mail address').fill(email);
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Create the owner' }).click();
  await page.getByRole('link', { name: 'Sign in' }).click();
  await signIn(page, email);
  const state = await context.storageState();
  await context.close();
  return { email, state };
}

/** Invite somebody as the owner, and answer the same for them. @param {string} role its title on the page */
export async function makeMember(dev, browser, owner, role) {
  const email = `${role.toLowerCase().replace(' ', '-')}@example.com`;
  const asOwner = await browser.newContext({ storageState: owner.state });
  const team = await asOwner.newPage();
  await team.goto(`${dev.url}/dashboard/account/team`);
  await team.getByLabel('E-mail address').fill(email);
  await team.getByRole('radio', { name: role }).check();
  await team.getByRole('button', { name: 'Make a link' }).click();
  const link = await team.locator('code', { hasText: '/dashboard/account/invitation' }).innerText();
  await asOwner.close();

  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(link);
  await page.getByLabel('New password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Join' }).click();
  await signIn(page, email);
  const state = await context.storageState();
  await context.close();
  return { email, state };
}
