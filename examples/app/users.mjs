// Who can sign in. A real product has a table of users and passwords or single sign-on here.

export const USERS = [
  { id: 'user-ines', name: 'Inês Carvalho', email: 'ines@brightloaf.example', team: 'Brightloaf Bakery' },
  { id: 'user-jonas', name: 'Jonas Weber', email: 'jonas@brightloaf.example', team: 'Brightloaf Bakery' },
];

/** The user with this id, or undefined. */
export const userById = (id) => USERS.find((user) => user.id === id);
