//! [`Tree`]: names of files and directories, and which of them a power cut leaves.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use super::content::Content;

/// Decides what of a file is left.
type Left<'a> = dyn FnMut(&Content) -> Vec<u8> + 'a;

/// Names, as they are and as they are known to be on the disk.
#[derive(Debug)]
pub(super) struct Tree {
    /// By number; the root is 0. Those that nothing leads to stay here, empty.
    directories: Vec<Names>,
    /// Changes that no sync of a directory has made durable yet, oldest first.
    pending: Vec<Change>,
    pub(super) locked: BTreeSet<String>,
}

/// What is in one directory.
#[derive(Clone, Debug, Default)]
struct Names {
    live: BTreeMap<String, Node>,
    durable: BTreeMap<String, Node>,
}

/// A file or a directory, whatever its name.
#[derive(Clone, Debug)]
pub(super) enum Node {
    File(Arc<Mutex<Content>>),
    Directory(usize),
}

/// A name in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    directory: usize,
    name: String,
}

#[derive(Clone, Debug)]
enum Change {
    Add(Place, Node),
    Remove(Place),
    Move(Place, Place, Node),
}

impl Node {
    pub(super) fn new_file(bytes: Vec<u8>) -> Self {
        Self::File(Arc::new(Mutex::new(Content::new_durable(bytes))))
    }

    fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::File(one), Self::File(other)) => Arc::ptr_eq(one, other),
            (Self::Directory(one), Self::Directory(other)) => one == other,
            _ => false,
        }
    }
}

impl Default for Tree {
    fn default() -> Self {
        Self {
            directories: vec![Names::default()],
            pending: Vec::new(),
            locked: BTreeSet::new(),
        }
    }
}

impl Tree {
    /// What is at a path.
    pub(super) fn find(&self, path: &str) -> Option<Node> {
        if path.is_empty() {
            return Some(Node::Directory(0));
        }
        let mut node = Node::Directory(0);
        for name in path.split('/') {
            let Node::Directory(number) = node else {
                return None;
            };
            node = self.directories.get(number)?.live.get(name)?.clone();
        }
        Some(node)
    }

    /// The names in a directory and what they lead to.
    pub(super) fn list(&self, path: &str) -> io::Result<&BTreeMap<String, Node>> {
        let number = self.directory(path)?;
        let names = self.directories.get(number).ok_or(io::ErrorKind::NotFound)?;
        Ok(&names.live)
    }

    /// Gives a node another name; what had it loses it.
    pub(super) fn add(&mut self, path: &str, node: Node) -> io::Result<()> {
        let place = self.place(path)?;
        self.names_mut(place.directory)?
            .live
            .insert(place.name.clone(), node.clone());
        self.pending.push(Change::Add(place, node));
        Ok(())
    }

    pub(super) fn add_directory(&mut self, path: &str) -> io::Result<()> {
        let number = self.directories.len();
        self.add(path, Node::Directory(number))?;
        self.directories.push(Names::default());
        Ok(())
    }

    pub(super) fn remove(&mut self, path: &str) -> io::Result<()> {
        let place = self.place(path)?;
        let names = &mut self.names_mut(place.directory)?.live;
        names.remove(&place.name).ok_or(io::ErrorKind::NotFound)?;
        self.pending.push(Change::Remove(place));
        Ok(())
    }

    /// Renames in one step; what had the new name loses it.
    pub(super) fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        let (from, to) = (self.place(from)?, self.place(to)?);
        let old = &mut self.names_mut(from.directory)?.live;
        let node = old.remove(&from.name).ok_or(io::ErrorKind::NotFound)?;
        self.names_mut(to.directory)?
            .live
            .insert(to.name.clone(), node.clone());
        self.pending.push(Change::Move(from, to, node));
        Ok(())
    }

    /// Makes the changes in a directory durable. Of a move from there to elsewhere both ends become durable: a journal has
    /// them in one entry. Of a move from elsewhere only the new name must.
    pub(super) fn sync(&mut self, path: &str) -> io::Result<()> {
        let number = self.directory(path)?;
        let mut removed = Vec::new();
        for change in std::mem::take(&mut self.pending) {
            match &change {
                Change::Remove(place) if place.directory == number => {
                    removed.extend(self.durable_directory(place));
                    self.make_durable(&change);
                }
                Change::Add(place, _) if place.directory == number => self.make_durable(&change),
                Change::Move(from, _, _) if from.directory == number => self.make_durable(&change),
                Change::Move(from, to, node) if to.directory == number => {
                    self.make_durable(&Change::Add(to.clone(), node.clone()));
                    self.pending.push(Change::Remove(from.clone()));
                }
                _ => self.pending.push(change),
            }
        }
        // Nobody can sync these any more, and nothing leads there.
        self.pending.retain(|change| match change {
            Change::Add(place, _) | Change::Remove(place) => !removed.contains(&place.directory),
            Change::Move(..) => true,
        });
        Ok(())
    }

    /// How many changes no sync of a directory has made durable yet.
    pub(super) fn pending_count(&self) -> usize {
        self.pending.len()
    }

    /// The files, with paths ascending.
    pub(super) fn files(&self) -> Vec<(String, Arc<Mutex<Content>>)> {
        let mut files = Vec::new();
        let mut open = vec![(String::new(), 0)];
        while let Some((path, number)) = open.pop() {
            for (name, node) in self.directories.get(number).iter().flat_map(|names| &names.live) {
                let path = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}/{name}")
                };
                match node {
                    Node::File(content) => files.push((path, Arc::clone(content))),
                    Node::Directory(number) => open.push((path, *number)),
                }
            }
        }
        files.sort_by(|a, b| a.0.cmp(&b.0));
        files
    }

    /// A tree of its own with what is there now, of each file what `left` says.
    pub(super) fn copy_live(&self, left: &mut Left<'_>) -> Self {
        self.copy(|names| &names.live, left)
    }

    /// A tree of its own with what is durable and those of the other changes that `is_kept` lets pass, of each file what
    /// `left` says.
    pub(super) fn copy_durable(&self, is_kept: &mut dyn FnMut() -> bool, left: &mut Left<'_>) -> Self {
        let mut survivor = Self {
            directories: self.directories.clone(),
            ..Self::default()
        };
        for change in &self.pending {
            if is_kept() {
                survivor.make_durable(change);
            }
        }
        survivor.copy(|names| &names.durable, left)
    }

    fn copy(&self, which: impl Fn(&Names) -> &BTreeMap<String, Node>, left: &mut Left<'_>) -> Self {
        let mut copy = Self::default();
        // A directory and the number of its copy.
        let mut open = vec![(0, 0)];
        // A file that has two names still is one file.
        let mut files: Vec<(Node, Node)> = Vec::new();
        while let Some((number, copied)) = open.pop() {
            let Some(names) = self.directories.get(number) else {
                continue;
            };
            let mut content = BTreeMap::new();
            for (name, node) in which(names) {
                let node = match node {
                    Node::Directory(child) => {
                        open.push((*child, copy.directories.len()));
                        copy.directories.push(Names::default());
                        Node::Directory(copy.directories.len() - 1)
                    }
                    Node::File(file) => {
                        let known = files.iter().find(|(known, _)| known.is_same(node));
                        if let Some((_, copied)) = known {
                            copied.clone()
                        } else {
                            let content = file.lock().unwrap_or_else(PoisonError::into_inner);
                            let copied = Node::new_file(left(&content));
                            files.push((node.clone(), copied.clone()));
                            copied
                        }
                    }
                };
                content.insert(name.clone(), node);
            }
            if let Some(names) = copy.directories.get_mut(copied) {
                *names = Names {
                    live: content.clone(),
                    durable: content,
                };
            }
        }
        copy
    }

    fn make_durable(&mut self, change: &Change) {
        match change {
            Change::Add(place, node) => self.add_durable(place, node),
            Change::Remove(place) => self.remove_durable(place, None),
            Change::Move(from, to, node) => {
                self.remove_durable(from, Some(node));
                self.add_durable(to, node);
            }
        }
    }

    fn add_durable(&mut self, place: &Place, node: &Node) {
        if let Some(names) = self.directories.get_mut(place.directory) {
            names.durable.insert(place.name.clone(), node.clone());
        }
    }

    /// Removes a name, when it leads to `node`.
    fn remove_durable(&mut self, place: &Place, node: Option<&Node>) {
        if let Some(names) = self.directories.get_mut(place.directory) {
            let found = names.durable.get(&place.name);
            if found.is_some_and(|found| node.is_none_or(|node| node.is_same(found))) {
                names.durable.remove(&place.name);
            }
        }
    }

    /// The number of the directory that a durable name leads to.
    fn durable_directory(&self, place: &Place) -> Option<usize> {
        match self.directories.get(place.directory)?.durable.get(&place.name)? {
            Node::Directory(number) => Some(*number),
            Node::File(_) => None,
        }
    }

    fn directory(&self, path: &str) -> io::Result<usize> {
        match self.find(path) {
            Some(Node::Directory(number)) => Ok(number),
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn place(&self, path: &str) -> io::Result<Place> {
        let directory = self.directory(super::parent(path))?;
        let name = path.rsplit('/').next().unwrap_or_default().to_owned();
        Ok(Place { directory, name })
    }

    fn names_mut(&mut self, number: usize) -> io::Result<&mut Names> {
        let names = self.directories.get_mut(number);
        names.ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}
