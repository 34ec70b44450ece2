//! Changing members, and taking their way in.
//!
//! Owns the rule that an organisation keeps an admin who can come in: whoever changes that waits for the other at the
//! organisation's row, and sees what the other did. Must not create members.

use service_kit::caller::{Call, Caller, CallerKind};
use service_kit::db::Reply;
use service_kit::ids::UserId;
use sqlx::PgConnection;

use super::{Member, MemberChange, People, Person, PersonError, PersonKind, Role, changes, events, repo};
use crate::organization;

impl People {
    /// Changes name, language or role of a member of the caller's organisation.
    pub(crate) async fn update_member<R: Reply<Member>>(
        &self,
        call: &Call,
        change: MemberChange,
    ) -> Result<R, PersonError> {
        let (admin, ids) = (call.caller()?.clone(), self.ids.clone());
        let write = self.database.write(call, admin.organization_id, move |tx| {
            Box::pin(async move {
                let mut member = hold(tx, &admin, change.user_id).await?;
                let before = member.clone();
                change.apply(&mut member);
                if is_admin(&before) && !is_admin(&member) {
                    another_admin_stays(tx, &before).await?;
                }
                if member.same_as(&before) {
                    return Ok(Member::try_from(member)?);
                }
                member.version += 1;
                changes::update(tx, &member).await?;
                changes::replace_words(tx, &member).await?;
                events::append_updated(tx, ids.next(), &member).await?;
                Ok(Member::try_from(member)?)
            })
        });
        write.await
    }

    /// Takes a member's way in and ends their sessions, in one unit of work. Repeating it changes nothing. Passwords and
    /// links stop working because they are looked at only for people who have a way in.
    pub(crate) async fn deactivate_member<R: Reply<Member>>(
        &self,
        call: &Call,
        user_id: UserId,
    ) -> Result<R, PersonError> {
        let (admin, ids) = (call.caller()?.clone(), self.ids.clone());
        let write = self.database.write(call, admin.organization_id, move |tx| {
            Box::pin(async move {
                let mut member = hold(tx, &admin, user_id).await?;
                if member.is_deactivated {
                    return Ok(Member::try_from(member)?);
                }
                if is_admin(&member) {
                    another_admin_stays(tx, &member).await?;
                }
                member.is_deactivated = true;
                member.version += 1;
                changes::deactivate(tx, &member).await?;
                changes::end_sessions(tx, &member).await?;
                events::append_updated(tx, ids.next(), &member).await?;
                tracing::info!(user.id = %user_id, "member deactivated");
                Ok(Member::try_from(member)?)
            })
        });
        write.await
    }
}

/// Finds a member, and holds the organisation and the member until the end of the unit of work. Whoever asks must still
/// be an admin: the access token may be minutes old, and one taken from an admin must not give the role back.
async fn hold(tx: &mut PgConnection, admin: &Caller, user_id: UserId) -> Result<Person, PersonError> {
    let id = admin.organization_id;
    organization::repo::find_for_update(tx, id).await?.ok_or(PersonError::OrganizationNotFound)?;
    let asking = repo::find_active(tx, id, admin.user_id).await?;
    if admin.kind != CallerKind::Admin || !asking.is_some_and(|asking| is_admin(&asking)) {
        return Err(PersonError::NotAnAdmin);
    }
    let found = repo::find_for_update(tx, id, user_id).await?;
    found.filter(|person| person.kind == PersonKind::Member).ok_or(PersonError::MemberNotFound)
}

fn is_admin(person: &Person) -> bool {
    person.role == Some(Role::Admin) && !person.is_deactivated
}

/// Errors where nobody but `leaving` is an admin with a way in.
async fn another_admin_stays(tx: &mut PgConnection, leaving: &Person) -> Result<(), PersonError> {
    if changes::count_other_admins(tx, leaving).await? == 0 {
        return Err(PersonError::LastAdmin);
    }
    Ok(())
}
