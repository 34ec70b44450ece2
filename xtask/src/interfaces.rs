//! Owns the gates over the interfaces (`buf.yaml`): their form, and that no change breaks a client of what was there
//! before.
//!
//! Must not change any file of the checkout.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use xtask::process::{output, say};
use xtask::throwaway::Throwaway;
use xtask::tools;
use xtask::workspace::Workspace;

/// Where the main branch is: in a clone the published one, which alone has clients.
const MAIN: [&str; 2] = ["origin/main", "main"];
const RULES: &str = "buf.yaml";
const INTERFACES: &str = "proto";

/// Checks the form of the interfaces.
///
/// # Errors
/// Fails with what buf says, and where it cannot be installed.
pub(crate) fn form(workspace: &Workspace) -> Result<()> {
    lint(&tools::buf(workspace)?, workspace.root())
}

/// Compares the interfaces as they lie in the checkout with those before the branch, and with the last release's.
///
/// # Errors
/// Fails with what buf says, and where it cannot be installed. A point that the clone does not have is told and passed
/// over.
pub(crate) fn compatible(workspace: &Workspace) -> Result<()> {
    let told = compare(&tools::buf(workspace)?, workspace.root())?;
    told.iter().for_each(|line| say(line));
    Ok(())
}

fn lint(buf: &Path, root: &Path) -> Result<()> {
    judge(Command::new(buf).current_dir(root).arg("lint"))
}

/// Returns what was and what could not be compared, as lines to show.
fn compare(buf: &Path, root: &Path) -> Result<Vec<String>> {
    let mut told = Vec::new();
    for point in [before_the_branch(root), last_release(root)] {
        match point {
            Ok(Some((commit, name))) => {
                breaks_nothing_of(buf, root, &commit).with_context(|| format!("compared with {name}"))?;
                told.push(format!("compared with {name} ({commit:.12})"));
            }
            Ok(None) => {}
            Err(why) => told.push(format!("NOT compared: {why:#}")),
        }
    }
    Ok(told)
}

/// The commit from which this branch went off main; on main itself the one before, since what is not committed yet
/// would else be all that is looked at.
fn before_the_branch(root: &Path) -> Result<Option<(String, String)>> {
    let head = git(root, &["rev-parse", "HEAD"]).context("this is no clone with a commit")?;
    let main = MAIN.into_iter().find(|name| git(root, &["rev-parse", "--verify", "-q", name]).is_ok());
    let Some(main) = main else {
        bail!("the clone has no main branch; fetch it: git fetch origin main:refs/remotes/origin/main");
    };
    let Ok(base) = git(root, &["merge-base", "HEAD", main]) else {
        bail!("the clone does not reach back to where this branch went off {main}: git fetch --unshallow");
    };
    if base != head {
        return Ok(Some((base, format!("where this branch went off {main}"))));
    }
    // A shallow clone's oldest commit seems to have no parent: what it really has only its own text tells.
    if git(root, &["cat-file", "-p", "HEAD"])?.lines().take_while(|line| !line.is_empty()).all(is_no_parent) {
        return Ok(Some((head, "the first commit".to_owned())));
    }
    match git(root, &["rev-parse", "--verify", "-q", "HEAD^1"]) {
        Ok(parent) => Ok(Some((parent, "the commit before, as this is main".to_owned()))),
        Err(_) => bail!("the clone does not have the commit before: git fetch --deepen 1"),
    }
}

fn is_no_parent(line: &str) -> bool {
    !line.starts_with("parent ")
}

/// The newest release that this commit comes after; nothing where there has been none.
fn last_release(root: &Path) -> Result<Option<(String, String)>> {
    let Ok(tag) = git(root, &["describe", "--tags", "--abbrev=0", "--match", "v*"]) else { return Ok(None) };
    let commit = git(root, &["rev-parse", &format!("{tag}^{{commit}}")])?;
    Ok(Some((commit, format!("release {tag}"))))
}

/// By the rules of today: those of then may not have been written yet.
fn breaks_nothing_of(buf: &Path, root: &Path, commit: &str) -> Result<()> {
    if git(root, &["ls-tree", commit, INTERFACES])?.is_empty() {
        return Ok(());
    }
    let then = Throwaway::create("interfaces")?;
    let archive = then.path().join("then.tar");
    let mut archived = git_at(root);
    archived.args(["archive", "--format=tar", "-o"]).arg(&archive);
    output(archived.args([commit, INTERFACES]))?;
    output(Command::new("tar").arg("-xf").arg(&archive).arg("-C").arg(then.path()))?;
    fs::copy(root.join(RULES), then.path().join(RULES)).with_context(|| format!("{RULES} is missing"))?;
    judge(Command::new(buf).current_dir(root).args(["breaking", "--against"]).arg(then.path()))
}

/// buf tells what it found on its standard output, and what went wrong otherwise on the other one.
fn judge(buf: &mut Command) -> Result<()> {
    let made = buf.output().context("buf could not be started")?;
    if made.status.success() {
        return Ok(());
    }
    let told = format!("{}{}", String::from_utf8_lossy(&made.stdout), String::from_utf8_lossy(&made.stderr));
    bail!("\n{}", told.trim_end())
}

fn git(root: &Path, words: &[&str]) -> Result<String> {
    Ok(output(git_at(root).args(words))?.trim().to_owned())
}

/// Looks at the repository of `root`, also where this runs for another one, as in a hook.
fn git_at(root: &Path) -> Command {
    let mut command = Command::new("git");
    command.current_dir(root).env_remove("GIT_DIR").env_remove("GIT_WORK_TREE").env_remove("GIT_INDEX_FILE");
    command
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    const FILE: &str = "proto/sharedspaces/spaces/v1/comment_service.proto";

    /// A repository with the interfaces of the checkout, committed on main.
    struct Copy {
        dir: Throwaway,
        buf: PathBuf,
    }

    impl Copy {
        fn create() -> Self {
            let workspace = Workspace::find().unwrap();
            let dir = Throwaway::create("gate").unwrap();
            let root = dir.path().join("repository");
            fs::create_dir(&root).unwrap();
            output(Command::new("cp").arg("-r").arg(workspace.root().join(INTERFACES)).arg(&root)).unwrap();
            fs::copy(workspace.root().join(RULES), root.join(RULES)).unwrap();
            let copy = Self { dir, buf: tools::buf(&workspace).unwrap() };
            copy.git(&["init", "-q", "-b", "main"]);
            copy.commit("first");
            copy
        }

        fn root(&self) -> PathBuf {
            self.dir.path().join("repository")
        }

        fn git(&self, words: &[&str]) -> String {
            let own =
                ["-c", "user.name=test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false"];
            git(&self.root(), &[&own, words].concat()).unwrap()
        }

        fn commit(&self, message: &str) {
            self.git(&["add", "-A"]);
            self.git(&["commit", "-q", "--allow-empty", "-m", message]);
        }

        fn change(&self, from: &str, to: &str) {
            let file = self.root().join(FILE);
            let text = fs::read_to_string(&file).unwrap();
            assert!(text.contains(from), "{FILE} has no {from:?} any more");
            fs::write(file, text.replacen(from, to, 1)).unwrap();
        }

        fn compare(&self) -> Result<Vec<String>> {
            compare(&self.buf, &self.root())
        }

        fn refusal(&self) -> String {
            format!("{:#}", self.compare().unwrap_err())
        }
    }

    #[test]
    fn the_form_is_refused_without_a_comment_or_with_a_name_of_another_kind() {
        let copy = Copy::create();
        let told = || format!("{:#}", lint(&copy.buf, &copy.root()).unwrap_err());
        lint(&copy.buf, &copy.root()).unwrap();
        copy.change("  // Who said it.\n", "");
        assert!(told().contains("author_user_id"), "{}", told());
        copy.git(&["checkout", "-q", "."]);
        copy.change("rpc AddComment(AddCommentRequest)", "rpc Add_comment(AddCommentRequest)");
        assert!(told().contains("Add_comment"), "{}", told());
    }

    #[test]
    fn a_change_that_breaks_a_client_is_refused_and_one_that_adds_is_not() {
        let copy = Copy::create();
        let breaking = [
            ("  string text = 5;\n", "", "\"text\" on message \"Comment\" was deleted"),
            ("string text = 5", "string text = 55", "\"text\" on message \"Comment\" was deleted"),
            ("string text = 5", "string words = 5", "changed name"),
            ("string text = 5", "bytes text = 5", "changed type"),
            ("rpc AddComment(", "rpc MakeComment(", "RPC \"AddComment\""),
            ("(ListCommentsResponse)", "(stream ListCommentsResponse)", "server streaming"),
        ];
        for (from, to, refusal) in breaking {
            copy.change(from, to);
            assert!(copy.refusal().contains(refusal), "{from:?} to {to:?}: {}", copy.refusal());
            copy.git(&["checkout", "-q", "."]);
        }
        copy.change("  string etag = 7;\n", "  string etag = 7;\n  // New.\n  string colour = 70;\n");
        let told = copy.compare().unwrap();
        assert!(told.len() == 1 && told[0].starts_with("compared with the first commit"), "{told:?}");
    }

    #[test]
    fn a_branch_is_compared_with_where_it_went_off_and_main_with_the_commit_before() {
        let copy = Copy::create();
        copy.git(&["checkout", "-q", "-b", "branch"]);
        copy.commit("something else");
        copy.change("string text = 5", "string words = 5");
        copy.commit("what breaks, committed");
        copy.commit("something else again");
        assert!(copy.refusal().contains("where this branch went off main"), "{}", copy.refusal());

        // What main has meanwhile taken on is not this branch's doing.
        copy.git(&["checkout", "-q", "main"]);
        copy.change("  string etag = 7;\n", "  string etag = 7;\n  // New.\n  string colour = 70;\n");
        copy.commit("main goes on");
        copy.git(&["checkout", "-q", "-b", "harmless", "main^"]);
        copy.commit("nothing");
        let told = copy.compare().unwrap();
        assert!(told.len() == 1 && told[0].starts_with("compared with where"), "{told:?}");

        copy.git(&["checkout", "-q", "main"]);
        copy.git(&["merge", "-q", "branch", "-m", "taken over"]);
        assert!(copy.refusal().contains("the commit before, as this is main"), "{}", copy.refusal());
    }

    #[test]
    fn the_last_release_is_compared_with_too() {
        let copy = Copy::create();
        copy.git(&["tag", "v1.0.0"]);
        copy.change("string text = 5", "string words = 5");
        copy.commit("what breaks");
        copy.commit("on top of it");
        assert!(copy.refusal().contains("compared with release v1.0.0"), "{}", copy.refusal());
    }

    #[test]
    fn what_a_clone_does_not_reach_back_to_is_told_and_not_passed_for_compared() {
        let copy = Copy::create();
        copy.commit("second");
        let from = format!("file://{}", copy.root().display());
        let clone = |name: &str, words: &[&str]| {
            let place = copy.dir.path().join(name);
            let mut command = git_at(copy.dir.path());
            output(command.args(["clone", "-q"]).args(words).arg(&from).arg(&place)).unwrap();
            place
        };
        let shallow = clone("shallow", &["--depth", "1"]);
        let told = compare(&copy.buf, &shallow).unwrap();
        assert!(
            told.len() == 1 && told[0].contains("NOT compared") && told[0].contains("deepen"),
            "{told:?}"
        );

        copy.git(&["checkout", "-q", "-b", "branch"]);
        copy.commit("third");
        let alone = clone("alone", &["--depth", "1", "--single-branch", "--branch", "branch"]);
        let told = compare(&copy.buf, &alone).unwrap();
        assert!(told.len() == 1 && told[0].contains("no main branch"), "{told:?}");

        git(&alone, &["fetch", "-q", "--depth", "1", "origin", "main:refs/remotes/origin/main"]).unwrap();
        let told = compare(&copy.buf, &alone).unwrap();
        assert!(told.len() == 1 && told[0].contains("unshallow"), "{told:?}");

        git(&alone, &["fetch", "-q", "--unshallow"]).unwrap();
        let told = compare(&copy.buf, &alone).unwrap();
        assert!(told.len() == 1 && told[0].starts_with("compared with where"), "{told:?}");
    }
}
